package apitest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

const (
	batchKeysPath = "/api/token/batch/keys"

	//nolint:gosec // a message
	otherAccessToken = "Keys are shown for ten minutes to the access token that created them, and this is another one; rotate the token to get a new key."
	notFound         = "Token not found. Check the ID, or list your tokens."
)

func keyPath(id int64) string { return tokenPath(id) + "/key" }

// secondAccessToken returns the user with another of its access tokens.
func (u *User) secondAccessToken(t testing.TB) *User {
	t.Helper()
	made, err := u.target.Users.RotateAccessToken(t.Context(), u.Name, false, 0)
	if err != nil {
		t.Fatal(err)
	}
	second := *u
	second.AccessToken = made.Issued.Reveal()
	u.target.transcript.addSecret(second.AccessToken)
	return &second
}

// The key of a new token is shown again, without sk-, only to the access token that
// created it.
func showKey(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	made := u.make(t, `{"name":"app"}`)
	for _, request := range []struct{ path, body string }{{keyPath(made.ID), ""}, {keyPath(made.ID) + "/", "{}"}} {
		got := u.Do(t, http.MethodPost, request.path, request.body)
		if key := wantData[wire.ShownKey](t, got, http.StatusOK).Key; "sk-"+key != made.Key {
			t.Errorf("POST %s %q: got another key than that of the create", request.path, request.body)
		}
		if store := got.Header.Get("Cache-Control"); store != "no-store" {
			t.Errorf("Cache-Control is %q, want no-store", store)
		}
	}
	rotated := wantData[wire.Token](t, u.Do(t, http.MethodPost, tokenPath(made.ID)+"/rotate", `{"grace_seconds":60}`), http.StatusOK)
	if key := wantData[wire.ShownKey](t, u.Do(t, http.MethodPost, keyPath(made.ID), ""), http.StatusOK).Key; "sk-"+key != rotated.Key {
		t.Error("after a rotation: got another key than the new one")
	}
	u.put(t, fmt.Sprintf(`{"id":%d,"status":2,"name":"renamed"}`, made.ID))
	wantData[wire.ShownKey](t, u.Do(t, http.MethodPost, keyPath(made.ID), ""), http.StatusOK)

	wantFailure(t, u.secondAccessToken(t).Do(t, http.MethodPost, keyPath(made.ID), ""), http.StatusGone, "key_not_available", otherAccessToken)
	wantFailure(t, target.User(t, token.RoleUser).Do(t, http.MethodPost, keyPath(made.ID), ""), http.StatusNotFound, "token_not_found", notFound)
	wantFailure(t, u.Do(t, http.MethodPost, keyPath(made.ID+1), ""), http.StatusNotFound, "token_not_found", notFound)
	wantFailure(t, u.Do(t, http.MethodPost, "/api/token/x/key", ""), http.StatusBadRequest, "invalid_parameter", "id must be an integer between 1 and 9007199254740991.")
	wantFailure(t, u.Do(t, http.MethodPost, keyPath(made.ID), `{"grace_seconds":1}`), http.StatusBadRequest, "unknown_field", `The field "grace_seconds" is not known: this request has no fields, so leave the body out.`)
	if got := u.Do(t, http.MethodGet, keyPath(made.ID), ""); got.Status != http.StatusMethodNotAllowed || got.Header.Get("Allow") != http.MethodPost {
		t.Errorf("GET: got %d, Allow %q, want 405 and POST", got.Status, got.Header.Get("Allow"))
	}
	wantData[any](t, u.Do(t, http.MethodDelete, tokenPath(made.ID), ""), http.StatusOK)
	wantFailure(t, u.Do(t, http.MethodPost, keyPath(made.ID), ""), http.StatusNotFound, "token_not_found", notFound)
}

// Of several tokens, the keys that can be shown are, and each other id has its
// error.
func showKeys(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	made := wantData[wire.Tokens](t, u.Do(t, http.MethodPost, batchCreatePath, drafts(2)), http.StatusCreated).Items
	second := u.secondAccessToken(t)
	other := second.make(t, `{"name":"other"}`)
	got := u.Do(t, http.MethodPost, batchKeysPath, fmt.Sprintf(`{"ids":[%d,%d,%d,%d,99]}`, made[0].ID, made[1].ID, made[0].ID, other.ID))
	keys := wantData[wire.ShownKeys](t, got, http.StatusOK).Keys
	if len(keys) != 2 || "sk-"+keys[made[0].ID] != made[0].Key || "sk-"+keys[made[1].ID] != made[1].Key {
		t.Errorf("got %d keys, want those of the two tokens that this access token has created", len(keys))
	}
	want := fmt.Sprintf(`"results":[{"index":0,"id":1,"success":true},{"index":1,"id":2,"success":true},`+
		`{"index":3,"id":3,"success":false,"field":"ids[3]","code":"key_not_available","message":%q},{"index":4,"id":99,`+missing+`}]`, otherAccessToken, 4)
	if !strings.Contains(got.Body, want) {
		t.Errorf("got results %s, want %s", got.Body[strings.Index(got.Body, `"results"`):], want)
	}
	for ids, failure := range map[string]func(Response){
		"[3,99]": func(r Response) { wantFailure(t, r, http.StatusGone, "key_not_available", otherAccessToken) },
		"[99]":   func(r Response) { wantFailure(t, r, http.StatusNotFound, "token_not_found", notFound) },
		"[]": func(r Response) {
			wantFailure(t, r, http.StatusBadRequest, "invalid_parameter", "ids must be an array of 1 to 100 ids of tokens.")
		},
		"[0]": func(r Response) {
			wantFailure(t, r, http.StatusBadRequest, "invalid_parameter", "ids[0] must be an integer between 1 and 9007199254740991.")
		},
	} {
		failure(u.Do(t, http.MethodPost, batchKeysPath+"/", `{"ids":`+ids+`}`))
	}
}
