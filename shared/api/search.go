package api

import (
	"context"
	"net/http"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// SearchTokens is GET /api/token/search: the caller's tokens with a keyword
// in their name, a mask or the last characters of a key, a status or a group. It
// reads at most token.MaxSearchWindow tokens; Next is where to continue.
var SearchTokens = Route{
	Endpoint: Endpoint{Name: "search", Method: http.MethodGet, Path: wire.SearchPath},
	serve: func(s Services, r *http.Request) (response, error) {
		return withAccessToken(s, r, readSearch, searchTokens)
	},
}

type searchInput struct {
	pageInput
	query token.Query
}

func searchTokens(ctx context.Context, service *token.Service, at credential.AccessToken, in *searchInput) (response, error) {
	var found token.Page
	var err error
	if in.after > 0 {
		found, err = service.SearchAfter(ctx, at, in.query, in.after, in.size)
	} else {
		found, err = service.Search(ctx, at, in.query, in.page, in.size)
	}
	return okResponse(in.response(found, service.UnixNow())), err
}

// readSearch reads what to search for, and which page of it.
func readSearch(r *http.Request) (*searchInput, error) {
	page, err := readPage(r)
	if err != nil {
		return nil, err
	}
	query := r.URL.Query()
	in := &searchInput{*page, token.Query{Keyword: query.Get("keyword"), Key: query.Get("token"), Group: query.Get("group")}}
	if query.Has("status") {
		n, _ := parseDigits(query.Get("status")) // 0 if it is no number
		in.query.Status = token.Status(min(n, token.MaxInteger))
		if n == 0 {
			in.query.Status = -1 // 0 would be any
		}
	}
	return in, nil
}
