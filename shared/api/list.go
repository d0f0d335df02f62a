package api

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// ListTokens is GET /api/token: returns a page of the caller's tokens, newest
// first. It writes only to finish a deletion that was interrupted.
var ListTokens = Route{
	Endpoint: Endpoint{Name: "list", Method: http.MethodGet, Path: wire.TokensPath},
	serve: func(s Services, r *http.Request) (response, error) {
		return withAccessToken(s, r, readPage, listTokens)
	},
}

const (
	defaultPageSize = 10
	maxPageSize     = wire.MaxPageSize
)

type pageInput struct{ page, size, after int64 }

func listTokens(ctx context.Context, service *token.Service, at credential.AccessToken, in *pageInput) (response, error) {
	var found token.Page
	var err error
	if in.after > 0 {
		found, err = service.ListAfter(ctx, at, in.after, in.size)
	} else {
		found, err = service.List(ctx, at, in.page, in.size)
	}
	return okResponse(in.response(found, service.UnixNow())), err
}

// response returns the page of tokens as the answer shows it at a Unix second.
func (in pageInput) response(found token.Page, now int64) wire.TokenPage {
	page := wire.TokenPage{Page: in.page, PageSize: in.size, Total: found.Total, Items: []wire.Token{}, Next: found.Next}
	for _, t := range found.Tokens {
		page.Items = append(page.Items, tokenView(t, now))
	}
	return page
}

// readPage reads p or after, and page_size with its aliases.
func readPage(r *http.Request) (*pageInput, error) {
	query, err := readQuery(r)
	if err != nil {
		return nil, err
	}
	in := new(pageInput)
	in.size, err = readNumber(query, defaultPageSize, "page_size", "size", "ps")
	if err != nil {
		return in, err
	}
	in.size = min(in.size, maxPageSize)
	if query.Has("after") {
		if query.Has("p") {
			return in, &token.InvalidError{Field: "after", Reason: "and p exclude each other: send only one of them"}
		}
		in.after, err = readNumber(query, 0, "after")
		if err == nil && in.after == 0 {
			err = &token.InvalidError{Field: "after", Reason: "must be the id of a token, 1 or above"}
		}
		return in, err
	}
	in.page, err = readNumber(query, 1, "p")
	if err == nil && in.page > token.MaxInteger {
		err = &token.InvalidError{Field: "p", Reason: fmt.Sprintf("must be at most %d", int64(token.MaxInteger))}
	}
	return in, err
}

func readQuery(r *http.Request) (url.Values, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, &token.InvalidError{Field: "the query string", Reason: "can't be read: percent-encode characters such as % and ;"}
	}
	return query, nil
}

// readNumber reads the first of the named parameters that is present. Absent
// and 0 mean the default.
func readNumber(query url.Values, otherwise int64, names ...string) (int64, error) {
	for _, name := range names {
		if !query.Has(name) {
			continue
		}
		n, ok := parseDigits(query.Get(name))
		if !ok {
			return 0, &token.InvalidError{Field: name, Reason: "must be an integer that is not negative"}
		}
		if n != 0 {
			return n, nil
		}
		return otherwise, nil
	}
	return otherwise, nil
}
