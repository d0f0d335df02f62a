package api

import (
	"context"
	"net/http"
	"net/url"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// UpdateToken is PUT /api/token: changes the token that the body names by id.
// Fields that the body leaves out keep their value; with ?status_only=true only
// the status changes.
var UpdateToken = Route{
	Endpoint: Endpoint{Name: "update", Method: http.MethodPut, Path: wire.TokensPath},
	serve: func(s Services, r *http.Request) (response, error) {
		return withAccessToken(s, r, readUpdate, updateToken)
	},
}

type updateInput struct {
	id         int64
	statusOnly bool
	versions   token.Versions
	token.Settings
}

func readUpdate(r *http.Request) (*updateInput, error) {
	var body wire.UpdateInput
	raw, err := readBody(r, maxBody)
	if err != nil {
		return nil, err
	}
	setting, err := decodeToken(raw, &body)
	if err != nil {
		return nil, err
	}
	switch {
	case body.ID == nil:
		return nil, &token.InvalidError{Field: "id", Reason: "is required: send the id of the token to update"}
	case *body.ID < 1 || *body.ID > token.MaxInteger:
		return nil, badID()
	}
	in := &updateInput{id: *body.ID}
	if in.Settings, err = tokenUpdate(body.TokenInput, setting); err != nil {
		return in, err
	}
	in.QuotaDelta = body.QuotaDelta
	if in.versions, err = readIfMatch(r); err != nil {
		return in, err
	}
	in.statusOnly, err = readStatusOnly(r)
	if err == nil && in.statusOnly && body.Status == nil {
		err = &token.InvalidError{Field: "status", Reason: "is required with status_only: send 1 to enable or 2 to disable the token"}
	}
	return in, err
}

func readStatusOnly(r *http.Request) (bool, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err == nil {
		switch query.Get("status_only") {
		case "true", "1":
			return true, nil
		case "false", "0", "":
			return false, nil
		}
	}
	return false, &token.InvalidError{Field: "status_only", Reason: "must be true or false"}
}

func updateToken(ctx context.Context, service *token.Service, at credential.AccessToken, in *updateInput) (response, error) {
	var t token.Token
	var err error
	switch {
	case !in.statusOnly:
		t, err = service.Update(ctx, at, in.id, in.Settings, in.versions)
	case in.Disabled != nil:
		t, err = service.SetStatus(ctx, at, in.id, *in.Disabled, in.versions)
	default: // an echoed 3 or 4: nothing to change
		t, err = service.Get(ctx, at, in.id)
		if err == nil && !in.versions.Allow(t.Version) {
			err = token.ErrVersionMismatch
		}
	}
	return okResponse(tokenView(t, service.UnixNow())).withETag(t.Version).forToken(in.id), err
}
