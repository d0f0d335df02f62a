package client_test

import (
	"testing"

	"github.com/latchkey-api/latchkey/internal/apitest"
	"github.com/latchkey-api/latchkey/shared/client"
	"github.com/latchkey-api/latchkey/shared/token"
)

// The usage of some tokens is asked for by their ids, which the API requires for rows
// of tokens and days.
func TestSelfHistoryOfSomeTokens(t *testing.T) {
	target, _ := apitest.Serve(t)
	c := client.New(target.URL, target.User(t, token.RoleUser).AccessToken)
	o := client.HistoryOptions{By: "token,day", IDs: []int64{42, 7}}
	if got, err := c.SelfHistory(t.Context(), o); err != nil || got.By != o.By {
		t.Errorf("got %+v, %v, want an answer by %s", got, err, o.By)
	}
}
