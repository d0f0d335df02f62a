package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// A Trail reads audit trails; dynamo.Store does.
type Trail interface {
	// AuditOf returns up to limit entries of the caller's audit trail or, if id is not
	// 0, of one of its tokens, which may be deleted: those before the entry with the ID
	// before, or the newest, newest first. If there may be more, next is the before of
	// the next call.
	AuditOf(ctx context.Context, c token.Caller, id int64, before string, limit int64) (entries []history.Entry, next string, err error)

	// FoldStatus returns how many seconds old a change was when it was in the trail, and
	// the Unix second of that measurement; zeros if there was none yet.
	FoldStatus(ctx context.Context) (behindSeconds, measuredAt int64, err error)
}

// ShowAudit is GET /api/token/{id}/audit: who has changed one of the caller's tokens,
// also if it was deleted.
var ShowAudit = Route{
	Endpoint: Endpoint{Name: "audit", Method: http.MethodGet, Path: wire.AuditPath},
	serve: func(s Services, r *http.Request) (response, error) {
		return s.audit(r, func(r *http.Request) (in auditInput, err error) {
			if in, err = readAudit(r); err == nil {
				in.id, err = pathID(r)
			}
			return in, err
		})
	},
}

// ShowSelfAudit is GET /api/user/self/audit: who has changed the caller, one of its tokens
// or one of its webhooks.
var ShowSelfAudit = Route{
	Endpoint: Endpoint{Name: "selfaudit", Method: http.MethodGet, Path: wire.SelfAuditPath, Function: "audit"},
	serve:    func(s Services, r *http.Request) (response, error) { return s.audit(r, readAudit) },
}

type auditInput struct {
	id, size int64
	after    string
}

func (s Services) audit(r *http.Request, read func(*http.Request) (auditInput, error)) (response, error) {
	return withCaller(s, r, read, func(ctx context.Context, c token.Caller, in auditInput) (response, error) {
		entries, next, err := s.Trail.AuditOf(ctx, c, in.id, in.after, in.size)
		page := wire.AuditPage{PageSize: in.size, Items: []wire.AuditEntry{}, Next: next}
		if err == nil {
			var behind int64
			if behind, page.MeasuredAt, err = s.Trail.FoldStatus(ctx); page.MeasuredAt != 0 {
				page.BehindSeconds = &behind
			}
		}
		for _, e := range entries {
			page.Items = append(page.Items, auditView(e))
		}
		out := okResponse(page)
		if in.id != 0 {
			out = out.forToken(in.id)
		}
		return out, err
	})
}

// auditView returns an entry in its wire form. Tenants don't learn who ran an operator's
// command.
func auditView(e history.Entry) wire.AuditEntry {
	view := wire.AuditEntry{
		ID: e.ID, Time: e.At, Action: e.Action, TokenID: e.TokenID, WebhookID: e.WebhookID, TokenName: e.Name, By: string(e.By), UserVersion: e.UserVersion,
		Address: e.Address, RequestID: e.RequestID, Command: e.Command, Changes: []wire.AuditChange{},
	}
	if e.By == history.ByUser {
		view.AccessToken = &e.Slot
	}
	for _, c := range e.Changes {
		view.Changes = append(view.Changes, wire.AuditChange(c))
	}
	return view
}

// readAudit reads after, and page_size with its aliases.
func readAudit(r *http.Request) (in auditInput, err error) {
	query, err := readQuery(r)
	if err != nil {
		return in, err
	}
	if in.size, err = readNumber(query, defaultPageSize, "page_size", "size", "ps"); err != nil {
		return in, err
	}
	in.size = min(in.size, maxPageSize)
	if query.Has("after") {
		in.after = query.Get("after")
		if len(in.after) != history.IDDigits || strings.Trim(in.after, "0123456789") != "" {
			return in, &token.InvalidError{Field: "after", Reason: "must be the next of an answer"}
		}
	}
	return in, nil
}
