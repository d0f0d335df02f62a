package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// ShowFamilyData is GET /api/data/self: the usage of a user for the charts of New
// API's clients, by day and model.
var ShowFamilyData = Route{
	Endpoint: Endpoint{Name: "familydata", Method: http.MethodGet, Path: wire.FamilyDataPath, Function: UsageHistory},
	serve: func(s Services, r *http.Request) (response, error) {
		return s.familyHistory(r, history.ByDay, maxFamilyPages, func(userID int64, rows []history.Row, _ familyInput) any {
			data := make([]wire.FamilyData, len(rows))
			for i, row := range rows {
				data[i] = wire.FamilyData{
					UserID: userID, ModelName: row.Model, CreatedAt: row.Start,
					TokenUsed: promptTokens(row.Usage) + row.OutputTokens, Count: row.Requests, Quota: row.Units,
				}
			}
			return data
		})
	},
}

// ShowFamilyLog is GET /api/log/self: the usage of a user for the logs of New API's
// clients. It has no single requests: an entry is for a day, a token and a model.
var ShowFamilyLog = Route{
	Endpoint: Endpoint{Name: "familylog", Method: http.MethodGet, Path: wire.FamilyLogPath, Function: UsageHistory},
	serve: func(s Services, r *http.Request) (response, error) {
		return s.familyHistory(r, history.ByAll, 1, func(_ int64, rows []history.Row, in familyInput) any { return in.logs(rows) })
	},
}

// maxFamilyPages is how many pages of a user's history an answer is made from, if its rows are
// not of single tokens: each has up to 1,024 ids and takes about a second.
const maxFamilyPages = 4

// A familyInput is the query of New API's clients.
type familyInput struct {
	page  pageInput
	span  history.Span
	query url.Values
}

// familyHistory answers for all tokens of the caller at once. If some pages of its
// history do not have all of them, it refuses the request.
func (s Services) familyHistory(r *http.Request, by history.By, pages int, respond func(userID int64, rows []history.Row, in familyInput) any) (response, error) {
	return withCaller(s, r, s.readFamily, func(ctx context.Context, c token.Caller, in familyInput) (response, error) {
		report, next, err := history.OfUserPages(ctx, s.History, c, in.span, pages, by)
		if err == nil && !next.Done() {
			err = &token.InvalidError{Field: "start_timestamp", Reason: "is too far from end_timestamp for so many tokens: ask for fewer days, or use " + wire.SelfHistoryPath + ", which has pages"}
		}
		return okResponse(respond(c.UserID, report.Rows(), in)), err
	})
}

func (s Services) readFamily(r *http.Request) (in familyInput, err error) {
	if in.query, err = readQuery(r); err != nil {
		return in, err
	}
	var times [2]*int64
	for i, name := range []string{"start_timestamp", "end_timestamp"} {
		if text := in.query.Get(name); text != "" && text != "0" {
			n, ok := parseDigits(text)
			if !ok {
				return in, &token.InvalidError{Field: name, Reason: "must be Unix seconds"}
			}
			times[i] = &n
		}
	}
	if to := times[1]; to != nil {
		times[1] = new(min(*to, s.Tokens.UnixNow()) + 1) // clients include it, and may mean the end of this year
	}
	if from, to := times[0], cmp.Or(times[1], new(s.Tokens.UnixNow()+1)); from != nil && *from >= *to {
		return in, &token.InvalidError{Field: "start_timestamp", Reason: "must not be after end_timestamp or in the future"}
	}
	if in.span, err = history.NewSpan(times[0], times[1], history.ByDay, s.Tokens.UnixNow()); err != nil {
		if invalid := new(token.InvalidError); errors.As(err, &invalid) {
			invalid.Field = "start_timestamp" // end_timestamp is never too late
		}
		return in, err
	}
	page, err := readPage(r)
	if err == nil {
		in.page = *page
		in.page.page = max(in.page.page, 1)
	}
	return in, err
}

// logs returns the page that is asked for of the rows that match.
func (in familyInput) logs(rows []history.Row) wire.FamilyLogs {
	slices.Reverse(rows)
	rows = slices.DeleteFunc(rows, func(row history.Row) bool { return !in.matches(row) })
	total := int64(len(rows))
	from := min((in.page.page-1)*in.page.size, total)
	logs := wire.FamilyLogs{Page: in.page.page, PageSize: in.page.size, Total: total, Items: []wire.FamilyLog{}}
	for i, row := range rows[from:min(from+in.page.size, total)] {
		logs.Items = append(logs.Items, wire.FamilyLog{
			ID: from + int64(i) + 1, CreatedAt: row.Start, Type: wire.FamilyLogConsume, Content: fmt.Sprintf("%d requests", row.Requests),
			TokenID: row.TokenID, TokenName: row.Name, ModelName: row.Model, Quota: row.Units,
			PromptTokens: promptTokens(row.Usage), CompletionTokens: row.OutputTokens,
		})
	}
	return logs
}

// matches reports whether a row has what the query asks for. Entries have no group
// and no request id, so a query for one finds nothing.
func (in familyInput) matches(row history.Row) bool {
	is := func(name string, values ...string) bool {
		return in.query.Get(name) == "" || slices.Contains(values, in.query.Get(name))
	}
	return is("type", "0", strconv.Itoa(wire.FamilyLogConsume)) && is("token_name", row.Name) && is("model_name", row.Model) &&
		is("group") && is("request_id") && is("upstream_request_id") && is("keyword")
}

// promptTokens returns all input, as New API counts it.
func promptTokens(u price.Usage) int64 {
	return u.InputTokens + u.CacheReadTokens + u.CacheWriteTokens + u.CacheWrite1hTokens
}
