package api

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// ShowHistory is GET /api/token/{id}/usage: what one of the caller's tokens was
// used for, also if it was deleted.
var ShowHistory = Route{
	Endpoint: Endpoint{Name: UsageHistory, Method: http.MethodGet, Path: wire.HistoryPath},
	serve:    func(s Services, r *http.Request) (response, error) { return s.tokenHistory(r, asJSON) },
}

// ShowSelfHistory is GET /api/user/self/usage: a page of what the caller's tokens
// were used for.
var ShowSelfHistory = Route{
	Endpoint: Endpoint{Name: "selfhistory", Method: http.MethodGet, Path: wire.SelfHistoryPath, Function: UsageHistory},
	serve:    func(s Services, r *http.Request) (response, error) { return s.selfHistory(r, asJSON) },
}

// ShowKeyHistory is GET /api/usage/token/history: what the token of a key was used
// for, for whoever has the key.
var ShowKeyHistory = Route{
	Endpoint: Endpoint{Name: "keyhistory", Method: http.MethodGet, Path: wire.KeyHistoryPath, Function: UsageHistory},
	serve: func(s Services, r *http.Request) (response, error) {
		read := func(r *http.Request) (historyInput, error) { return s.readTokenHistory(r) }
		return withKey(s, r, read, func(ctx context.Context, gate Gate, key string, in historyInput) (response, error) {
			u, err := gate.Usage(ctx, key, originOf(r))
			if err == nil {
				err = refuseOff(u.Token)
			}
			if err != nil {
				return response{}.forKey(u.Token), err
			}
			address := token.Address{UserID: u.Token.UserID, ID: u.Token.ID}
			report, err := history.OfRevision(ctx, s.History, address, u.Revision, in.span, in.by)
			return asJSON(in, in.tokenView(report)).forKey(u.Token), err
		})
	},
}

func (s Services) tokenHistory(r *http.Request, respond func(historyInput, wire.UsageHistory) response) (response, error) {
	return withCaller(s, r, s.readTokenHistory, func(ctx context.Context, c token.Caller, in historyInput) (response, error) {
		report, err := history.OfToken(ctx, s.History, c, in.id, in.span, in.by)
		return respond(in, in.tokenView(report)).forToken(in.id), err
	})
}

func (s Services) selfHistory(r *http.Request, respond func(historyInput, wire.UsageHistory) response) (response, error) {
	return withCaller(s, r, s.readSelfHistory, func(ctx context.Context, c token.Caller, in historyInput) (response, error) {
		if in.ids != nil {
			report, err := history.OfTokens(ctx, s.History, c, in.ids, in.span, in.by)
			return respond(in, in.view(report)), err
		}
		report, next, err := history.OfUser(ctx, s.History, c, in.span, in.after, in.by)
		view := in.view(report)
		if !next.Done() {
			view.Next = next.String()
		}
		return respond(in, view), err
	})
}

func asJSON(_ historyInput, view wire.UsageHistory) response { return okResponse(view) }

// A historyInput says which history is asked for.
type historyInput struct {
	id    int64   // of a token
	ids   []int64 // of a part of a user's tokens, nil for all
	span  history.Span
	by    history.By
	after history.Cursor
	query url.Values
}

func (s Services) readTokenHistory(r *http.Request) (historyInput, error) {
	in, err := s.readHistory(r, history.ByHour, history.ByDay, history.ByModel)
	if err == nil && r.PathValue("id") != "" {
		in.id, err = pathID(r)
	}
	return in, err
}

func (s Services) readSelfHistory(r *http.Request) (historyInput, error) {
	in, err := s.readHistory(r, history.ByToken, history.ByDay, history.ByModel, history.ByTokenDay)
	if err == nil && in.query.Has("after") {
		in.after, err = history.ParseCursor(in.query.Get("after"))
	}
	if err == nil && in.query.Has("ids") {
		in.ids, err = parseIDs(in.query.Get("ids"))
	}
	switch {
	case err != nil:
	case in.ids != nil && in.query.Has("after"):
		err = &token.InvalidError{Field: "after", Reason: "can't be given with ids, for which the answer is whole"}
	case in.ids == nil && in.by == history.ByTokenDay:
		err = &token.InvalidError{Field: "ids", Reason: "must say for which tokens if by is token,day"}
	}
	return in, err
}

// parseIDs reads ids of tokens with commas between them.
func parseIDs(text string) (ids []int64, err error) {
	for part := range strings.SplitSeq(text, ",") {
		id, ok := parseDigits(part)
		if !ok || id == 0 || len(ids) == wire.MaxIDs || slices.Contains(ids, id) {
			return nil, &token.InvalidError{Field: "ids", Reason: fmt.Sprintf("must be 1 to %d different ids of tokens, with commas between them", wire.MaxIDs)}
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// readHistory reads from, to, and by, which is one of those given, and the day if it
// is absent.
func (s Services) readHistory(r *http.Request, allowed ...history.By) (in historyInput, err error) {
	if in.query, err = readQuery(r); err != nil {
		return in, err
	}
	in.by = history.ByDay
	if in.query.Has("by") {
		in.by = ""
		for _, by := range allowed {
			if in.query.Get("by") == string(by) {
				in.by = by
			}
		}
	}
	if in.by == "" {
		names := make([]string, len(allowed))
		for i, by := range allowed {
			names[i] = string(by)
		}
		last := len(names) - 1
		return in, &token.InvalidError{Field: "by", Reason: "must be " + strings.Join(names[:last], ", ") + " or " + names[last]}
	}
	var from, to *int64
	if from, err = readTime(in.query, "from"); err == nil {
		to, err = readTime(in.query, "to")
	}
	if err == nil {
		in.span, err = history.NewSpan(from, to, in.by, s.Tokens.UnixNow())
	}
	return in, err
}

// readTime reads a parameter with a time, nil if it is absent.
func readTime(query url.Values, name string) (*int64, error) {
	if !query.Has(name) {
		return nil, nil //nolint:nilnil // nil is no time
	}
	text := query.Get(name)
	if n, ok := parseDigits(text); ok {
		return &n, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(layout, text); err == nil {
			return new(at.Unix()), nil
		}
	}
	return nil, &token.InvalidError{Field: name, Reason: "must be Unix seconds, a date such as 2026-11-01, or a time such as 2026-11-01T12:00:00Z"}
}

func (in historyInput) view(r *history.Report) wire.UsageHistory {
	view := wire.UsageHistory{From: in.span.From, To: in.span.To, By: string(in.by), Rows: []wire.UsageRow{}, Total: sumsView(r.Total), Refusals: r.Refusals}
	for _, row := range r.Rows() {
		shown := wire.UsageRow{UsageSums: sumsView(row.Use)}
		if in.by == history.ByToken || in.by == history.ByTokenDay {
			shown.TokenID, shown.Name = &row.TokenID, &row.Name
		} else {
			shown.Model = &row.Model
		}
		if in.by == history.ByHour || in.by == history.ByDay || in.by == history.ByTokenDay {
			shown.Start = &row.Start
		}
		view.Rows = append(view.Rows, shown)
	}
	if r.Complete || r.MeasuredAt != 0 {
		view.BehindSeconds, view.MeasuredAt = &r.BehindSeconds, r.MeasuredAt
	}
	return view
}

// tokenView is view for one token.
func (in historyInput) tokenView(r *history.Report) wire.UsageHistory {
	view := in.view(r)
	view.Complete = &r.Complete
	return view
}

func sumsView(u price.Use) wire.UsageSums {
	return wire.UsageSums{
		Requests: u.Requests, Units: u.Units, Dollars: price.Dollars(u.NanoDollars),
		InputTokens: u.InputTokens, OutputTokens: u.OutputTokens,
		CacheReadTokens: u.CacheReadTokens, CacheWriteTokens: u.CacheWriteTokens, CacheWrite1hTokens: u.CacheWrite1hTokens,
		ReasoningTokens: u.ReasoningTokens, Images: u.Images, AudioSeconds: u.AudioSeconds,
	}
}
