package history

import (
	"cmp"
	"slices"

	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/token"
)

// MaxRows is how many rows a report tells apart. Uses of models for which there
// would be more count for OtherModels. Rows of tokens are not limited.
const MaxRows = 8000

// A Row is a part of what tokens were used for.
type Row struct {
	Start     int64  // Unix second at which the hour or day begins; 0 if by model or token
	TokenID   int64  // 0 unless by token, token and day, or all
	Name      string // of the token, as it was last in the row's time; "" without a token
	price.Use        // without a model if by token, or token and day
	named     int64  // the start of the period that Name is from
}

// A Report adds up periods.
type Report struct {
	By       By
	Total    price.Use        // of all rows, without a model
	Refusals map[string]int64 // as in a Tally

	// Complete reports that every change of the token until now is counted. If it is
	// false, a change was counted within BehindSeconds at the Unix second MeasuredAt,
	// which is 0 if that is not known.
	Complete                  bool
	BehindSeconds, MeasuredAt int64

	revision int64 // of the token's ledger after the newest change that is counted; makes sense for one token
	rows     map[rowKey]*Row
}

type rowKey struct {
	start, tokenID int64
	model          string
}

// NewReport returns an empty report.
func NewReport(by By) *Report {
	return &Report{By: by, Refusals: map[string]int64{}, rows: map[rowKey]*Row{}}
}

// Add adds a period. It is not safe for concurrent use.
func (r *Report) Add(p Period) {
	r.revision = max(r.revision, p.Revision)
	for reason, n := range p.Refusals {
		r.Refusals[reason] = token.AddSaturated(r.Refusals[reason], n)
	}
	for _, use := range p.Models {
		row := r.row(p, use.Model)
		model := row.Model
		row.Use = row.Plus(use)
		row.Model = model
		if r.ofTokens() && p.Name != "" && p.Start >= row.named {
			row.Name, row.named = p.Name, p.Start
		}
		r.Total = r.Total.Plus(use)
	}
}

// ofTokens reports whether rows are for single tokens.
func (r *Report) ofTokens() bool { return r.By == ByToken || r.By == ByAll || r.By == ByTokenDay }

// row returns the row that a use of a model in a period counts for.
func (r *Report) row(p Period, model string) *Row {
	key := rowKey{model: model}
	switch r.By {
	case ByHour:
		key.start = p.Start / HourSeconds * HourSeconds
	case ByDay:
		key.start = p.Start / DaySeconds * DaySeconds
	case ByToken:
		key = rowKey{tokenID: p.TokenID}
	case ByTokenDay:
		key = rowKey{start: p.Start / DaySeconds * DaySeconds, tokenID: p.TokenID}
	case ByAll:
		key.start, key.tokenID = p.Start/DaySeconds*DaySeconds, p.TokenID
	case ByModel:
	}
	if _, known := r.rows[key]; !known && len(r.rows) >= MaxRows && !r.ofTokens() {
		key.model = OtherModels
	}
	row := r.rows[key]
	if row == nil {
		row = &Row{Start: key.start, TokenID: key.tokenID, Use: price.Use{Model: key.model}}
		r.rows[key] = row
	}
	return row
}

// Rows returns the rows, oldest first; those of one time by model, and those of
// tokens from the newest token on.
func (r *Report) Rows() []Row {
	rows := make([]Row, 0, len(r.rows))
	for _, row := range r.rows {
		rows = append(rows, *row)
	}
	slices.SortFunc(rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(b.TokenID, a.TokenID), cmp.Compare(a.Model, b.Model))
	})
	return rows
}
