package api

import (
	"context"
	"net/http"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// ShowSelf is GET /api/user/self: the caller, and what is left of its budget. The
// answer has the fields of New API, whose clients show a balance.
var ShowSelf = Route{
	Endpoint: Endpoint{Name: "self", Method: http.MethodGet, Path: wire.SelfPath},
	serve: func(s Services, r *http.Request) (response, error) {
		return withAccessToken(s, r, readNothing, showSelf)
	},
}

func showSelf(ctx context.Context, service *token.Service, at credential.AccessToken, _ struct{}) (response, error) {
	u, w, err := service.Account(ctx, at)
	self := wire.Self{
		ID: u.ID, Username: u.Name, DisplayName: u.Name, Role: wire.UserRole, Status: wire.Enabled,
		Group: wire.DefaultGroup, Quota: wire.MaxInteger, UnlimitedQuota: !w.On,
	}
	if len(u.Groups) > 0 {
		self.Group = u.Groups[0]
	}
	if w.On {
		self.Quota, self.UsedQuota = max(0, w.Left), w.Units-w.Left
		self.ResetsAt = w.EndsAt
	}
	return okResponse(self), err
}
