package main

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/latchkey-api/latchkey/shared/wire"
)

// lifecycle returns the steps from a new token to its deletion, with or without
// a trailing slash in the paths.
func lifecycle(collection string, made wire.Token) []step {
	slash := strings.TrimPrefix(collection, wire.TokensPath)
	one := fmt.Sprintf("%s/%d%s", wire.TokensPath, made.ID, slash)
	about := func(fields string) string { return fmt.Sprintf(`{"id":%d,%s}`, made.ID, fields) }
	ofToken := func(path string) string {
		return strings.Replace(path, wire.IDParameter, strconv.FormatInt(made.ID, 10), 1) + slash
	}
	steps := []step{
		{name: "status", method: http.MethodGet, path: wire.StatusPath + slash, status: 200, contains: `"system_name":"Latchkey"`, headers: []string{"Authorization", ""}},
		{name: "self", method: http.MethodGet, path: wire.SelfPath + slash, status: 200, contains: `"request_count":0`},
		{name: "groups", method: http.MethodGet, path: wire.GroupsPath + slash, status: 200, contains: `"ratio":`},
		{name: "models", method: http.MethodGet, path: wire.ModelsPath + slash, status: 200, contains: `"data":[`},
		{name: "budget", method: http.MethodGet, path: wire.BudgetPath + slash, status: 200, contains: `"in_tokens":`, orCode: wire.ErrBudgetNotFound},
		{name: "usage of some tokens", method: http.MethodGet, path: wire.SelfHistoryPath + "?by=token,day&ids=1", status: 200, contains: `"by":"token,day","rows":[`},
		{name: "usage of all tokens", method: http.MethodGet, path: wire.SelfHistoryPath + slash + "?by=token", status: 200, contains: `"by":"token","rows":[`},
		{name: "usage of all tokens as CSV", method: http.MethodGet, path: wire.SelfCSVPath + slash, status: 200, csv: true, contains: "start,model,token_id,name,requests,units,dollars,"},
		{name: "usage for New API", method: http.MethodGet, path: wire.FamilyDataPath + slash, status: 200, contains: `"data":[`},
		{name: "log for New API", method: http.MethodGet, path: wire.FamilyLogPath + slash, status: 200, contains: `"items":[`},
		{name: "audit", method: http.MethodGet, path: fmt.Sprintf("%s/%d/audit%s", wire.TokensPath, made.ID, slash), status: 200, contains: `"items":[`},
		{name: "own audit", method: http.MethodGet, path: wire.SelfAuditPath + slash + "?page_size=1", status: 200, contains: `"page_size":1`},
		{name: "list", method: http.MethodGet, path: collection + "?p=1&page_size=5", status: 200},
		{name: "get", method: http.MethodGet, path: one, status: 200},
		{name: "usage of a token", method: http.MethodGet, path: ofToken(wire.HistoryPath), status: 200, contains: `"complete":true`},
		{name: "usage of a token as CSV", method: http.MethodGet, path: ofToken(wire.HistoryCSVPath), status: 200, csv: true, contains: "start,model,token_id,name,requests,units,dollars,"},
		{name: "search", method: http.MethodGet, path: wire.SearchPath + slash + "?keyword=SMOKE", status: 200, contains: `"name":"smoke"`},
		{name: "show the new key", method: http.MethodPost, path: fmt.Sprintf("%s/%d/key%s", wire.TokensPath, made.ID, slash), status: 200, contains: `"data":{"key":"`},
		{name: "show new keys", method: http.MethodPost, path: wire.BatchKeysPath + slash, body: fmt.Sprintf(`{"ids":[%d]}`, made.ID), status: 200, contains: fmt.Sprintf(`"data":{"keys":{"%d":"`, made.ID)},
		{name: "rotate", method: http.MethodPost, path: fmt.Sprintf("%s/%d/rotate%s", wire.TokensPath, made.ID, slash), body: `{"grace_seconds":600}`, status: 200},
		{name: "raise the quota", method: http.MethodPost, path: fmt.Sprintf("%s/%d/extra%s", wire.TokensPath, made.ID, slash), body: `{"units":0}`, status: 200},
		verify(slash, made.Key, "refuse a key without quota", `{}`, `"valid":false,"code":"quota_exhausted"`),
		{name: "update", method: http.MethodPut, path: collection, body: about(`"name":"smoke 2","remain_quota":100`), status: 200},
	}
	steps = append(steps, keySteps(slash, made.Key)...)
	return append(
		steps,
		step{name: "disable", method: http.MethodPut, path: collection + "?status_only=true", body: about(`"status":2`), status: 200},
		verify(slash, made.Key, "refuse a disabled key", `{}`, `"valid":false,"code":"disabled"`),
		step{name: "enable without quota", method: http.MethodPut, path: collection + "?status_only=true", body: about(`"status":1`), status: 409, code: wire.ErrTokenExhausted},
		step{name: "expire", method: http.MethodPut, path: collection, body: about(`"expired_time":1700000000,"unlimited_quota":true`), status: 200},
		step{name: "enable an expired token", method: http.MethodPut, path: collection + "?status_only=true", body: about(`"status":1`), status: 409, code: wire.ErrTokenExpired},
		step{name: "revoke the key", method: http.MethodPost, path: wire.RevokePath + slash, body: `{"key":"` + made.Key + `"}`, status: 200, contains: `"data":null`, headers: []string{"Authorization", ""}},
		verify(slash, made.Key, "refuse a revoked key", `{}`, `"valid":false,"code":"not_found"`),
		step{name: "delete", method: http.MethodDelete, path: one, status: 200},
		verify(slash, made.Key, "refuse a deleted key", `{}`, `"valid":false,"code":"not_found"`),
		step{name: "delete again", method: http.MethodDelete, path: one, status: 404, code: wire.ErrTokenNotFound},
	)
}

// batchSteps disable and delete several tokens at once.
func batchSteps(slash string, ids []int64) []step {
	each := strings.Join(strings.Fields(strings.Trim(fmt.Sprint(ids), "[]")), ",")
	return []step{
		{name: "disable several", method: http.MethodPost, path: wire.BatchStatusPath + slash, body: `{"ids":[` + each + `],"status":2}`, status: 200, contains: fmt.Sprintf(`"data":%d`, len(ids))},
		{name: "delete several", method: http.MethodPost, path: wire.BatchPath + slash, body: `{"ids":[` + each + `]}`, status: 200, contains: fmt.Sprintf(`"data":%d`, len(ids))},
	}
}

// keySteps spend the 100 units of a key in every way.
func keySteps(slash, key string) []step {
	const first, second = `"request_id":"smoke-1-0123456789abcdefghijk"`, `"request_id":"smoke-2-0123456789abcdefghijk"`
	return []step{
		verify(slash, key, "check a key", `{"model":"any"}`, `"valid":true,"code":""`),
		verify(slash, key, "spend", `{"quota":1}`, `"remain_quota":99`),
		withKey(key, step{name: "reserve", method: http.MethodPost, path: wire.ReservePath + slash, body: `{` + first + `,"quota":50}`, status: 200, contains: `"held":50,"remain_quota":49`}),
		withKey(key, step{name: "reserve another amount", method: http.MethodPost, path: wire.ReservePath + slash, body: `{` + first + `,"quota":51}`, status: 409, code: wire.ErrRequestReused}),
		withKey(key, step{name: "settle", method: http.MethodPost, path: wire.SettlePath + slash, body: `{` + first + `,"quota":30}`, status: 200, contains: `"charged":30,"shortfall":0,"remain_quota":69`}),
		withKey(key, step{name: "settle without a hold", method: http.MethodPost, path: wire.SettlePath + slash, body: `{` + second + `,"quota":30}`, status: 404, code: wire.ErrHoldNotFound}),
		withKey(key, step{name: "reserve all", method: http.MethodPost, path: wire.ReservePath + slash, body: `{` + second + `,"quota":69}`, status: 200, contains: `"valid":true`}),
		withKey(key, step{name: "release", method: http.MethodPost, path: wire.ReleasePath + slash, body: `{` + second + `}`, status: 200, contains: `"released":69,"remain_quota":69`}),
		withKey(key, step{name: "usage", method: http.MethodGet, path: wire.UsagePath + slash, status: 200, usageForm: true, contains: `"total_granted":100,"total_used":31,"total_available":69`}),
		withKey(key, step{name: "usage by day", method: http.MethodGet, path: wire.KeyHistoryPath + slash, status: 200, contains: `"by":"day"`}),
		verify(slash, key, "spend the rest", `{"quota":69}`, `"remain_quota":0`),
	}
}

func verify(slash, key, name, body, contains string) step {
	return withKey(key, step{name: name, method: http.MethodPost, path: wire.VerifyPath + slash, body: body, status: 200, contains: contains})
}

// withKey returns a step that a key authenticates.
func withKey(key string, s step) step {
	s.headers = slices.Concat(s.headers, []string{"Authorization", "Bearer " + key})
	return s
}

// errorSteps cause one error of each kind that a tenant can cause.
func errorSteps() []step {
	const name = `{"name":"smoke"}`
	return []step{
		{name: "invalid JSON", method: http.MethodPost, path: wire.TokensPath, body: `{"name"`, status: 400, code: wire.ErrInvalidJSON},
		{name: "unknown field", method: http.MethodPost, path: wire.TokensPath, body: `{"naem":"x"}`, status: 400, code: wire.ErrUnknownField},
		{name: "bad parameter", method: http.MethodGet, path: wire.TokensPath + "?page_size=-1", status: 400, code: wire.ErrInvalidParameter},
		{name: "no access token", method: http.MethodGet, path: wire.TokensPath, status: 401, code: wire.ErrUnauthorized, headers: []string{"Authorization", ""}},
		{name: "wrong access token", method: http.MethodGet, path: wire.TokensPath, status: 401, code: wire.ErrUnauthorized, headers: []string{"Authorization", "Bearer at-x"}},
		{name: "no key", method: http.MethodPost, path: wire.VerifyPath, body: `{}`, status: 401, code: wire.ErrUnauthorized, headers: []string{"Authorization", ""}},
		{name: "usage of an unknown key", method: http.MethodGet, path: wire.UsagePath, status: 401, code: wire.ErrUnauthorized, headers: []string{"Authorization", "Bearer sk-x"}},
		{name: "unknown path", method: http.MethodGet, path: "/api/nothing", status: 404, code: wire.ErrRouteNotFound},
		{name: "unknown deeper path", method: http.MethodGet, path: wire.TokensPath + "/1/2", status: 404, code: wire.ErrRouteNotFound},
		{name: "wrong method", method: http.MethodPatch, path: wire.TokensPath, body: name, status: 405, code: wire.ErrMethodNotAllowed},
		{name: "wrong method on a token", method: http.MethodPut, path: wire.TokensPath + "/1", body: name, status: 405, code: wire.ErrMethodNotAllowed},
		{name: "wrong method on a key", method: http.MethodGet, path: wire.VerifyPath, status: 405, code: wire.ErrMethodNotAllowed},
		{name: "large body", method: http.MethodPost, path: wire.TokensPath, body: `{"name":"` + strings.Repeat("x", 17<<10) + `"}`, status: 413, code: wire.ErrBodyTooLarge},
		{name: "other media type", method: http.MethodPost, path: wire.TokensPath, body: name, status: 415, code: wire.ErrUnsupportedMedia, headers: []string{"Content-Type", "text/plain"}},
	}
}
