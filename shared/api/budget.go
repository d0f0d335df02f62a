package api

import (
	"context"
	"net/http"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// ShowBudget is GET /api/user/self/budget: where the units of the caller's budget
// are. It reads all of the caller's tokens.
var ShowBudget = Route{
	Endpoint: Endpoint{Name: "budget", Method: http.MethodGet, Path: wire.BudgetPath},
	serve: func(s Services, r *http.Request) (response, error) {
		return withAccessToken(s, r, readNothing, showBudget)
	},
}

func showBudget(ctx context.Context, service *token.Service, at credential.AccessToken, _ struct{}) (response, error) {
	h, err := service.Holdings(ctx, at)
	return okResponse(wire.Budget{
		Budget: h.Units, Period: h.Length, Timezone: h.Timezone, Anchor: anchorView(h.Period),
		Remaining: h.Left, InTokens: h.Free, Held: h.Held, Used: h.Used, ResetsAt: h.EndsAt,
	}), err
}
