package api

import (
	"context"
	"net/http"
	"strconv"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// ShowGroups is GET /api/user/self/groups: the groups that the operator grants the
// caller, or the default group. Clients of New API load it to show a form for a
// token.
var ShowGroups = Route{
	Endpoint: Endpoint{Name: "groups", Method: http.MethodGet, Path: wire.GroupsPath, Function: "self"},
	serve: func(s Services, r *http.Request) (response, error) {
		return withAccessToken(s, r, readNothing, func(ctx context.Context, service *token.Service, at credential.AccessToken, _ struct{}) (response, error) {
			u, _, err := service.Account(ctx, at)
			if err != nil {
				return response{}, err
			}
			prices, err := s.Keys.Prices(ctx)
			return okResponse(groupsView(u.Groups, prices)), err
		})
	},
}

func groupsView(groups []string, prices *price.Table) map[string]wire.Group {
	if len(groups) == 0 {
		groups = []string{wire.DefaultGroup}
	}
	shown := map[string]wire.Group{}
	for _, name := range groups {
		shown[name] = wire.Group{Desc: name, Ratio: ratioOf(name, prices)}
	}
	return shown
}

// ratioOf returns by what the prices of a group are multiplied.
func ratioOf(group string, prices *price.Table) float64 {
	if prices == nil {
		return 1
	}
	factor, ok := prices.Groups[group]
	if !ok {
		return 1
	}
	ratio, _ := strconv.ParseFloat(factor.String(), 64) // it is a decimal
	return ratio
}

// ShowModels is GET /api/user/models: the names of the models that have a price.
// Clients of New API offer them for the models of a token.
var ShowModels = Route{
	Endpoint: Endpoint{Name: "models", Method: http.MethodGet, Path: wire.ModelsPath, Function: "self"},
	serve: func(s Services, r *http.Request) (response, error) {
		return withAccessToken(s, r, readNothing, func(ctx context.Context, service *token.Service, at credential.AccessToken, _ struct{}) (response, error) {
			if err := service.Authorize(ctx, at); err != nil {
				return response{}, err
			}
			prices, err := s.Keys.Prices(ctx)
			names := []string{}
			if prices != nil {
				names = append(names, prices.ModelNames()...)
			}
			return okResponse(names), err
		})
	},
}
