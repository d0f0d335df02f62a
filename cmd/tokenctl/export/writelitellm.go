package export

import (
	"encoding/hex"
	"encoding/json"
	"io"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A liteLLMRow is a row of the table LiteLLM_VerificationToken.
type liteLLMRow struct {
	Token          string       `json:"token"` // SHA-256 of the whole key, as LiteLLM stores it
	KeyName        string       `json:"key_name"`
	KeyAlias       string       `json:"key_alias"`
	Spend          json.Number  `json:"spend"`
	MaxBudget      *json.Number `json:"max_budget"`
	BudgetDuration *string      `json:"budget_duration"`
	BudgetResetAt  *string      `json:"budget_reset_at"`
	Expires        *string      `json:"expires"`
	Models         []string     `json:"models"`
	Blocked        bool         `json:"blocked"`
	RPMLimit       *int64       `json:"rpm_limit"`
	TPMLimit       *int64       `json:"tpm_limit"`
	MaxParallel    *int64       `json:"max_parallel_requests"`
	CreatedBy      string       `json:"created_by"` // the owner; says nothing about the key
	Metadata       struct {
		IsOurs bool `json:"latchkey_key,omitempty"` // see oursInLiteLLM
	} `json:"metadata"`
}

// oursInLiteLLM is the column that marks a key of Latchkey itself. It works only with
// the token in whose table it was created, and its hash does not show what it is, so
// that an import of the row would make a token that nobody can use.
const oursInLiteLLM = "metadata.latchkey_key"

// writeLiteLLM converts a token to a row with which its key works in LiteLLM.
func writeLiteLLM(w *writing) {
	t := w.t
	isForeign := t.KeyHash == t.ForeignHash && t.ImportedFrom == "litellm"
	if !isForeign && !credential.HasKeyPrefix(t.Mask) {
		w.fail("its key does not begin with sk-, and LiteLLM knows no others: rotate the token")
	}
	w.restrict("allow_ips", len(t.AllowIPs) > 0, "may only be used from some addresses")
	w.limits(false, false, w.o.UnitsPerDollar > 0, false)
	row := liteLLMRow{
		Token: hex.EncodeToString(t.KeyHash[:]), KeyName: "sk-..." + t.Mask[strings.LastIndexByte(t.Mask, '*')+1:], KeyAlias: t.Name,
		Spend: "0", Blocked: t.Disabled || t.Stopped || t.LeakedTime != 0, CreatedBy: w.owner,
		Models:   w.models(isOtherInLiteLLM, "read by LiteLLM as a name for several models, a provider or a regular expression"),
		RPMLimit: orNone(t.RequestsPerMinute), MaxParallel: orNone(t.MaxConcurrent),
	}
	row.Metadata.IsOurs = t.KeyHash != t.ForeignHash
	if w.o.UnitsPerDollar == 0 {
		row.TPMLimit = orNone(t.UnitsPerMinute)
	}
	if t.ExpiredTime != token.Never {
		row.Expires = timeText(t.ExpiredTime)
	}
	w.budget(&row)
	w.row = row
}

// isOtherInLiteLLM reports whether an entry of a token's models allows more in
// LiteLLM: a name that stands for several models, or a pattern of which LiteLLM
// makes a regular expression or a provider's models.
func isOtherInLiteLLM(entry string) bool {
	prefix, isPattern := strings.CutSuffix(entry, "*")
	return special.MatchString(entry) || isPattern && strings.ContainsAny(prefix, `/.+?()[]{}|^$\`)
}

// budget sets the only budget that a key of LiteLLM has: that of the token's life,
// or that of its window.
func (w *writing) budget(row *liteLLMRow) {
	t, perDollar := w.t, w.o.UnitsPerDollar
	window := w.window()
	if perDollar == 0 {
		if !t.UnlimitedQuota || window != nil {
			w.fail("its quota is in units, and there is no price table that says how many a dollar has: set --units-per-dollar")
		}
		return
	}
	left, used := w.left(), t.UsedAt(w.o.Now)
	if window != nil {
		use := t.WindowUse(*window, w.o.Now)
		left = min(window.Quota, max(0, use.Remaining-w.raise(window.Raise)))
		used = window.Quota - left
		row.BudgetDuration = new(map[string]string{period.Hour: "1h", period.Day: "1d", period.Week: "7d", period.Month: "1mo"}[window.Length])
		if *row.BudgetDuration == "" {
			row.BudgetDuration = &window.Length
		}
		if use.ResetsAt > 0 {
			row.BudgetResetAt = timeText(use.ResetsAt)
		}
	}
	row.Spend = json.Number(inDollars(big.NewInt(used), perDollar, true))
	if window != nil || !t.UnlimitedQuota {
		row.MaxBudget = new(json.Number(inDollars(new(big.Int).Add(big.NewInt(left), big.NewInt(used)), perDollar, false)))
	}
}

// window returns the window that becomes the budget, or nil. LiteLLM renews at times
// of its own: at the full hour, at midnight, on Mondays or on the first of a month.
func (w *writing) window() *token.Window {
	t := w.t
	if len(t.Windows) == 0 {
		return nil
	}
	first := &t.Windows[0]
	isPlain := (first.Timezone == "" || first.Timezone == "UTC") && first.Anchor.Hour == 0 && first.Anchor.Weekday <= 1 && first.Anchor.Day <= 1
	switch {
	case !t.UnlimitedQuota || len(t.Windows) > 1 || !isPlain:
		w.restrict("windows", true, "has windows in a way")
		return nil
	case w.o.AlignWindows:
		return first
	case !slices.Contains(w.o.Ignore, "windows"):
		w.fail("it has a window, and LiteLLM renews budgets at times of its own, perhaps once too early: add --align-windows to accept that, or --ignore windows to leave the window out")
	}
	return nil
}

func timeText(at int64) *string { return new(time.Unix(at, 0).UTC().Format(time.RFC3339)) }

// orNone returns nil for 0, which is no limit here and stops a key of LiteLLM.
func orNone(limit int64) *int64 {
	if limit == 0 {
		return nil
	}
	return &limit
}

// liteLLMList writes rows as a JSON list, one on each line.
func liteLLMList(out io.Writer, rows []Written) error {
	var text strings.Builder
	_, _ = text.WriteString("[") // a Builder never fails
	for i, w := range rows {
		content, err := json.Marshal(w.row)
		if err != nil {
			return err
		}
		if i > 0 {
			_, _ = text.WriteString(",")
		}
		_, _ = text.WriteString("\n" + string(content))
	}
	_, err := io.WriteString(out, text.String()+"\n]\n")
	return err
}
