package api

import (
	"context"
	"net/http"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// RaiseQuota is POST /api/token/{id}/extra: makes the lifetime quota or a window
// of a token larger until a time.
var RaiseQuota = Route{
	Endpoint: Endpoint{Name: "extra", Method: http.MethodPost, Path: wire.ExtraPath},
	serve: func(s Services, r *http.Request) (response, error) {
		return withIdempotencyKey(s, r, readRaise, raiseQuota)
	},
}

type raiseInput struct {
	id       int64
	versions token.Versions
	token.RaiseChange
}

func readRaise(r *http.Request) (raiseInput, error) {
	var in raiseInput
	var body wire.ExtraInput
	if err := decode(r, &body); err != nil {
		return in, err
	}
	switch {
	case body.Units == nil:
		return in, required("units", "send the units by which the quota is to be larger, or 0 to end that")
	case body.Until == nil && *body.Units != 0:
		return in, required("until", "send the Unix time in seconds at which the raise ends")
	case body.Window == nil && (body.Timezone != nil || body.Anchor != nil):
		return in, required("window", "send the period of the window that has this time zone and anchor")
	}
	in.Units, in.Until = *body.Units, valueOf(body.Until)
	if body.Window != nil {
		in.Window = &token.WindowName{Length: *body.Window, Timezone: body.Timezone}
		if body.Anchor != nil {
			in.Window.Anchor = new(readAnchor(*body.Anchor))
		}
	}
	var err error
	if in.id, err = pathID(r); err != nil {
		return in, err
	}
	in.versions, err = readIfMatch(r)
	return in, err
}

func raiseQuota(ctx context.Context, service *token.Service, at credential.AccessToken, idem *idempotency, in raiseInput) (response, error) {
	failed := response{}.forToken(in.id)
	if err := idem.replayed(ctx, service, at); err != nil {
		return failed, err
	}
	t, err := service.Raise(ctx, at, in.id, in.RaiseChange, in.versions)
	if err != nil {
		return failed, err
	}
	return idem.save(ctx, service, at, okResponse(tokenView(t, service.UnixNow())).withETag(t.Version).forToken(in.id))
}
