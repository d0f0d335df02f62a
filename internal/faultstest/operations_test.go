package faultstest_test

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/wire"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// An operation is a request of the API as a careful client sends it.
type operation struct {
	route   string // the endpoint's name
	variant string
	wallet  bool // the user has a budget
	request func(*user) request

	// again is the other status with which a repetition says that an earlier
	// attempt was applied.
	again int
	// unsafe is true if the client must not repeat the request while it does not
	// know whether it was applied.
	unsafe bool
	// steps is true if the operation makes several changes, one after another, so
	// that an attempt may have made some.
	steps bool
}

func (o operation) name() string {
	if o.variant == "" {
		return o.route
	}
	return o.route + ", " + o.variant
}

const spendID = "spend-0123456789abcdefgh"

// operations returns at least one operation for each route of the API.
func operations() []operation {
	return slices.Concat(reads(), changes(), charges(), webhooks())
}

func reads() []operation {
	get := func(path string) func(*user) request {
		return func(u *user) request { return u.as(http.MethodGet, path, "") }
	}
	withKey := func(path string) func(*user) request {
		return func(u *user) request {
			return request{method: http.MethodGet, path: path, bearer: u.keys[0]}
		}
	}
	return []operation{
		{route: "list", request: get(wire.TokensPath + "?p=1&page_size=2")},
		{route: "search", request: get(wire.SearchPath + "?keyword=lim")},
		{route: "get", request: get(path(wire.TokenPath, 1))},
		{route: "key", request: func(u *user) request { return u.as(http.MethodPost, path(wire.KeyPath, 1), "") }},
		{route: "keys", request: func(u *user) request { return u.as(http.MethodPost, wire.BatchKeysPath, `{"ids":[1,2]}`) }},
		{route: "status", request: get(wire.StatusPath)},
		{route: "self", wallet: true, request: get(wire.SelfPath)},
		{route: "budget", wallet: true, request: get(wire.BudgetPath)},
		{route: "groups", request: get(wire.GroupsPath)},
		{route: "models", request: get(wire.ModelsPath)},
		{route: "usage", request: withKey(wire.UsagePath)},
		{route: "usagehistory", request: get(path(wire.HistoryPath, 1))},
		{route: "historycsv", request: get(path(wire.HistoryCSVPath, 1))},
		{route: "selfhistory", request: get(wire.SelfHistoryPath)},
		{route: "selfhistorycsv", request: get(wire.SelfCSVPath)},
		{route: "keyhistory", request: withKey(wire.KeyHistoryPath)},
		{route: "familydata", request: get(wire.FamilyDataPath)},
		{route: "familylog", request: get(wire.FamilyLogPath)},
		{route: "audit", request: get(path(wire.AuditPath, 1))},
		{route: "selfaudit", request: get(wire.SelfAuditPath)},
	}
}

func changes() []operation {
	post := func(path, body string) func(*user) request {
		return func(u *user) request { return u.as(http.MethodPost, path, body).once() }
	}
	return []operation{
		{route: "create", request: post(wire.TokensPath, `{"name":"new","remain_quota":5}`)},
		{route: "batchcreate", request: post(wire.BatchCreatePath, `{"tokens":[{"name":"a"},{"name":"b"},{"name":"c"}]}`)},
		{route: "update", request: func(u *user) request { return u.as(http.MethodPut, wire.TokensPath, `{"id":1,"name":"changed"}`) }},
		{route: "update", variant: "quota_delta with If-Match", again: http.StatusPreconditionFailed, request: func(u *user) request {
			return u.as(http.MethodPut, wire.TokensPath, `{"id":1,"quota_delta":7}`).with("If-Match", `"1"`)
		}},
		{route: "update", variant: "quota_delta", unsafe: true, request: func(u *user) request {
			return u.as(http.MethodPut, wire.TokensPath, `{"id":1,"quota_delta":7}`)
		}},
		{route: "delete", again: http.StatusNotFound, request: func(u *user) request { return u.as(http.MethodDelete, path(wire.TokenPath, 1), "") }},
		{route: "delete", variant: "with a wallet", wallet: true, again: http.StatusNotFound, request: func(u *user) request {
			return u.as(http.MethodDelete, path(wire.TokenPath, 4), "")
		}},
		{route: "rotate", request: post(path(wire.RotatePath, 1), `{"grace_seconds":60}`)},
		{route: "extra", request: post(path(wire.ExtraPath, 1), fmt.Sprintf(`{"units":50,"until":%d}`, time.Now().Unix()+600))},
		{route: "batchdelete", steps: true, request: post(wire.BatchPath, `{"ids":[1,3]}`)},
		{route: "batchstatus", steps: true, request: post(wire.BatchStatusPath, `{"ids":[1,5],"status":2}`)},
	}
}

func charges() []operation {
	with := func(id int, path, body string) func(*user) request {
		return func(u *user) request { return u.key(id, path, body) }
	}
	all := []operation{
		{route: "verify", variant: "check", request: with(1, wire.VerifyPath, `{"model":"m1"}`)},
		{route: "verify", variant: "spend without a request ID", unsafe: true, request: with(1, wire.VerifyPath, `{"quota":7}`)},
		{route: "verify", variant: "spend", request: with(1, wire.VerifyPath, `{"quota":7,"request_id":"`+spendID+`"}`)},
		{route: "verify", variant: "spend with limits", request: with(2, wire.VerifyPath, `{"quota":7,"model":"m1","request_id":"`+spendID+`"}`)},
		{route: "reserve", request: with(1, wire.ReservePath, `{"quota":9,"request_id":"`+spendID+`"}`)},
		{route: "settle", request: with(4, wire.SettlePath, `{"quota":30,"request_id":"`+hold+`"}`)},
		{route: "release", request: with(4, wire.ReleasePath, `{"request_id":"`+hold+`"}`)},
		{route: "revoke", request: func(u *user) request {
			return request{method: http.MethodPost, path: wire.RevokePath, bearer: u.keys[0]}
		}},
	}
	for _, o := range all[2:7] {
		o.variant, o.wallet = joined(o.variant, "with a wallet"), true
		all = append(all, o)
	}
	return all
}

func joined(a, b string) string {
	if a == "" {
		return b
	}
	return a + ", " + b
}

func webhooks() []operation {
	send := func(method, path, body string) func(*user) request {
		return func(u *user) request { return u.as(method, path, body) }
	}
	once := func(path, body string) func(*user) request {
		return func(u *user) request { return u.as(http.MethodPost, path, body).once() }
	}
	return []operation{
		{route: "webhooks", request: send(http.MethodGet, wire.WebhooksPath, "")},
		{route: "createwebhook", request: once(wire.WebhooksPath, `{"url":"https://example.com/new"}`)},
		{route: "updatewebhook", request: send(http.MethodPut, path(wire.WebhookPath, 1), `{"types":["token.*"]}`)},
		{route: "deletewebhook", again: http.StatusNotFound, request: send(http.MethodDelete, path(wire.WebhookPath, 1), "")},
		{route: "rotatewebhook", request: once(path(wire.WebhookRotatePath, 1), "{}")},
		{route: "testwebhook", request: send(http.MethodPost, path(wire.WebhookTestPath, 1), "")},
	}
}

// Every route of the API has an operation.
func TestEveryRoute(t *testing.T) {
	var have []string
	for _, o := range operations() {
		have = append(have, o.route)
	}
	for _, e := range api.Endpoints() {
		if !slices.Contains(have, e.Name) {
			t.Errorf("%s %s has no operation here", e.Method, e.Path)
		}
	}
}
