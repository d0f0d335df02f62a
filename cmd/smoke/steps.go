package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// life is that of a token and its key in one spelling of the paths.
func life(collection string, made wire.Token) []step {
	slash := strings.TrimPrefix(collection, wire.TokensPath)
	one := fmt.Sprintf("%s/%d%s", wire.TokensPath, made.ID, slash)
	about := func(fields string) string { return fmt.Sprintf(`{"id":%d,%s}`, made.ID, fields) }
	steps := []step{
		{says: "list", method: http.MethodGet, path: collection + "?p=1&page_size=5", status: 200},
		{says: "get", method: http.MethodGet, path: one, status: 200},
		{says: "search", method: http.MethodGet, path: api.SearchTokens.Path + slash + "?keyword=SMOKE", status: 200, has: `"name":"smoke"`},
		{says: "rotate", method: http.MethodPost, path: fmt.Sprintf("%s/%d/rotate%s", wire.TokensPath, made.ID, slash), body: `{"grace_seconds":600}`, status: 200},
		verify(slash, made.Key, "refuse a key without quota", `{}`, `"valid":false,"code":"quota_exhausted"`),
		{says: "update", method: http.MethodPut, path: collection, body: about(`"name":"smoke 2","remain_quota":100`), status: 200},
	}
	steps = append(steps, use(slash, made.Key)...)
	return append(
		steps,
		step{says: "disable", method: http.MethodPut, path: collection + "?status_only=true", body: about(`"status":2`), status: 200},
		verify(slash, made.Key, "refuse a disabled key", `{}`, `"valid":false,"code":"disabled"`),
		step{says: "enable without quota", method: http.MethodPut, path: collection + "?status_only=true", body: about(`"status":1`), status: 409, code: wire.ErrTokenExhausted},
		step{says: "let it expire", method: http.MethodPut, path: collection, body: about(`"expired_time":1700000000,"unlimited_quota":true`), status: 200},
		step{says: "enable though expired", method: http.MethodPut, path: collection + "?status_only=true", body: about(`"status":1`), status: 409, code: wire.ErrTokenExpired},
		step{says: "delete", method: http.MethodDelete, path: one, status: 200},
		verify(slash, made.Key, "refuse a deleted key", `{}`, `"valid":false,"code":"not_found"`),
		step{says: "delete again", method: http.MethodDelete, path: one, status: 404, code: wire.ErrTokenNotFound},
	)
}

// batch is what several tokens can go through at once.
func batch(slash string, ids []int64) []step {
	each := strings.Join(strings.Fields(strings.Trim(fmt.Sprint(ids), "[]")), ",")
	return []step{
		{says: "disable several", method: http.MethodPost, path: api.SetStatuses.Path + slash, body: `{"ids":[` + each + `],"status":2}`, status: 200, has: fmt.Sprintf(`"data":%d`, len(ids))},
		{says: "delete several", method: http.MethodPost, path: api.DeleteTokens.Path + slash, body: `{"ids":[` + each + `]}`, status: 200, has: fmt.Sprintf(`"data":%d`, len(ids))},
	}
}

// use is what a key with 100 units is good for. It spends them all.
func use(slash, key string) []step {
	const first, second = `"request_id":"smoke-1"`, `"request_id":"smoke-2"`
	return []step{
		verify(slash, key, "check a key", `{"model":"any"}`, `"valid":true,"code":""`),
		verify(slash, key, "spend", `{"quota":1}`, `"remain_quota":99`),
		ofKey(key, step{says: "reserve", method: http.MethodPost, path: api.ReserveQuota.Path + slash, body: `{` + first + `,"quota":50}`, status: 200, has: `"held":50,"remain_quota":49`}),
		ofKey(key, step{says: "reserve otherwise", method: http.MethodPost, path: api.ReserveQuota.Path + slash, body: `{` + first + `,"quota":51}`, status: 409, code: wire.ErrRequestReused}),
		ofKey(key, step{says: "settle", method: http.MethodPost, path: api.SettleHold.Path + slash, body: `{` + first + `,"quota":30}`, status: 200, has: `"charged":30,"shortfall":0,"remain_quota":69`}),
		ofKey(key, step{says: "settle nothing", method: http.MethodPost, path: api.SettleHold.Path + slash, body: `{` + second + `,"quota":30}`, status: 404, code: wire.ErrHoldNotFound}),
		ofKey(key, step{says: "reserve all", method: http.MethodPost, path: api.ReserveQuota.Path + slash, body: `{` + second + `,"quota":69}`, status: 200, has: `"valid":true`}),
		ofKey(key, step{says: "release", method: http.MethodPost, path: api.ReleaseHold.Path + slash, body: `{` + second + `}`, status: 200, has: `"released":69,"remain_quota":69`}),
		ofKey(key, step{says: "usage", method: http.MethodGet, path: wire.UsagePath + slash, status: 200, bare: true, has: `"total_granted":100,"total_used":31,"total_available":69`}),
		verify(slash, key, "spend the rest", `{"quota":69}`, `"remain_quota":0`),
	}
}

func verify(slash, key, says, body, has string) step {
	return ofKey(key, step{says: says, method: http.MethodPost, path: api.VerifyKey.Path + slash, body: body, status: 200, has: has})
}

// ofKey is a step that a key authenticates.
func ofKey(key string, s step) step {
	s.headers = slices.Concat(s.headers, []string{"Authorization", "Bearer " + key})
	return s
}

// mistakes are one of each kind, as far as a tenant can make them.
func mistakes() []step {
	const name = `{"name":"smoke"}`
	return []step{
		{says: "no JSON", method: http.MethodPost, path: wire.TokensPath, body: `{"name"`, status: 400, code: wire.ErrInvalidJSON},
		{says: "unknown field", method: http.MethodPost, path: wire.TokensPath, body: `{"naem":"x"}`, status: 400, code: wire.ErrUnknownField},
		{says: "bad parameter", method: http.MethodGet, path: wire.TokensPath + "?page_size=-1", status: 400, code: wire.ErrInvalidParameter},
		{says: "no access token", method: http.MethodGet, path: wire.TokensPath, status: 401, code: wire.ErrUnauthorized, headers: []string{"Authorization", ""}},
		{says: "wrong access token", method: http.MethodGet, path: wire.TokensPath, status: 401, code: wire.ErrUnauthorized, headers: []string{"Authorization", "Bearer at-x"}},
		{says: "no key", method: http.MethodPost, path: api.VerifyKey.Path, body: `{}`, status: 401, code: wire.ErrUnauthorized, headers: []string{"Authorization", ""}},
		{says: "usage of no key", method: http.MethodGet, path: wire.UsagePath, status: 401, code: wire.ErrUnauthorized, headers: []string{"Authorization", "Bearer sk-x"}},
		{says: "unknown path", method: http.MethodGet, path: "/api/nothing", status: 404, code: wire.ErrRouteNotFound},
		{says: "unknown deeper path", method: http.MethodGet, path: wire.TokensPath + "/1/2", status: 404, code: wire.ErrRouteNotFound},
		{says: "wrong method", method: http.MethodPatch, path: wire.TokensPath, body: name, status: 405, code: wire.ErrMethodNotAllowed},
		{says: "wrong method on a token", method: http.MethodPut, path: wire.TokensPath + "/1", body: name, status: 405, code: wire.ErrMethodNotAllowed},
		{says: "wrong method on a key", method: http.MethodGet, path: api.VerifyKey.Path, status: 405, code: wire.ErrMethodNotAllowed},
		{says: "large body", method: http.MethodPost, path: wire.TokensPath, body: `{"name":"` + strings.Repeat("x", 17<<10) + `"}`, status: 413, code: wire.ErrBodyTooLarge},
		{says: "other media type", method: http.MethodPost, path: wire.TokensPath, body: name, status: 415, code: wire.ErrUnsupportedMedia, headers: []string{"Content-Type", "text/plain"}},
	}
}
