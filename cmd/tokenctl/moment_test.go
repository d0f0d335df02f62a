package main_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/tokenctltest"
	"github.com/latchkey-api/latchkey/shared/client"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// TestMoment checks that --expires means the same moment on every machine, also
// near the days on which the local time zone sets its clocks, and that the output
// says it in UTC.
func TestMoment(t *testing.T) {
	_, u, env := serveAPI(t)
	for _, c := range []struct{ text, want string }{
		{"2040-03-25", "2040-03-25T00:00:00Z"},
		{"2040-03-26", "2040-03-26T00:00:00Z"},
		{"2040-10-28", "2040-10-28T00:00:00Z"},
		{"2040-07-01Z", "2040-07-01T00:00:00Z"},
		{"2040-07-01+02:00", "2040-06-30T22:00:00Z"},
		{"2040-12-31-08:00", "2040-12-31T08:00:00Z"},
		{"2040-07-01T18:00:00+02:00", "2040-07-01T16:00:00Z"},
		{"2040-03-25T02:30+01:00", "2040-03-25T01:30:00Z"},
		{"2040-07-01T18:00Z", "2040-07-01T18:00:00Z"},
	} {
		for _, zone := range []string{"UTC", "Europe/Berlin", "America/New_York"} {
			t.Run(zone+"/"+c.text, func(t *testing.T) {
				made := tokenctltest.Run(t, append(env, "TZ="+zone), "token", "create", "app", "--expires", c.text)
				if made.Code != 0 || !strings.HasSuffix(made.Stdout, "\nIt expires at "+c.want+".\n") {
					t.Errorf("got exit code %d and %s%s; want the expiry %s", made.Code, made.Stdout, made.Stderr, c.want)
				}
				all, err := u.List(t.Context(), client.ListOptions{})
				if err != nil || len(all.Items) == 0 {
					t.Fatal(all, err)
				}
				if at := time.Unix(all.Items[0].ExpiredTime, 0).UTC().Format(time.RFC3339); at != c.want {
					t.Errorf("the token expires at %s, want %s", at, c.want)
				}
			})
		}
	}
	raised := tokenctltest.Run(t, append(env, "TZ=Europe/Berlin"), "token", "extra", "1", "--units", "5", "--until", time.Now().AddDate(0, 1, 0).Format(time.DateOnly)+"+02:00", "--json")
	var got wire.Token
	if err := json.Unmarshal([]byte(raised.Stdout), &got); err != nil || got.Extra == nil || time.Unix(got.Extra.Until, 0).UTC().Hour() != 22 {
		t.Errorf("a raise until the start of a day at +02:00 is %s%s", raised.Stdout, raised.Stderr)
	}
}
