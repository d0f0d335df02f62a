package main_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/internal/tokenctltest"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// TestWindowFlag checks what the flags of limits send: each window in its
// canonical form, and an empty list to remove all.
func TestWindowFlag(t *testing.T) {
	_, u, env := serveAPI(t)
	if _, err := u.Create(t.Context(), wire.TokenInput{Name: new("app")}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, flags, want string }{
		{"day", "--window day=100", `{"windows":[{"period":"day","quota":100,"timezone":"UTC","used":0,"remaining":100,"resets_at":0}]}`},
		{"length and week", "--window 300m=7 --window week=9,weekday=Sunday,hour=23,timezone=Asia/Tokyo", `{"windows":[{"period":"5h","quota":7,"used":0,"remaining":7,"resets_at":0},{"period":"week","quota":9,"timezone":"Asia/Tokyo","anchor":{"hour":23,"weekday":7},"used":0,"remaining":9,"resets_at":0}]}`},
		{"largest month", "--window month=9007199254740991,day=31", `{"windows":[{"period":"month","quota":9007199254740991,"timezone":"UTC","anchor":{"hour":0,"day":31},"used":0,"remaining":9007199254740991,"resets_at":0}]}`},
		{"models and one rate", "--model-quota a=b*=5 --model-quota m=0 --max-concurrent 2", `{"windows":[{"period":"month","quota":9007199254740991,"timezone":"UTC","anchor":{"hour":0,"day":31},"used":0,"remaining":9007199254740991,"resets_at":0}],"model_quotas":[{"model":"a=b*","quota":5,"used":0,"remaining":5},{"model":"m","quota":0,"used":0,"remaining":0}],"max_concurrent":2}`},
		{"no windows", "--window none --units-per-minute 6 --requests-per-minute 5", `{"model_quotas":[{"model":"a=b*","quota":5,"used":0,"remaining":5},{"model":"m","quota":0,"used":0,"remaining":0}],"requests_per_minute":5,"units_per_minute":6,"max_concurrent":2}`},
		{"no other limits", "--model-quota none --max-concurrent 0 --requests-per-minute 0 --units-per-minute 0", `{}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append([]string{"token", "update", "1", "--json"}, strings.Fields(c.flags)...)
			out, err := tokenctltest.Command(t, env, args...).Output()
			if err != nil {
				t.Fatal(err)
			}
			var got wire.Token
			if err := json.Unmarshal(out, &got); err != nil {
				t.Fatal(err)
			}
			for i := range got.Windows {
				got.Windows[i].ResetsAt = 0 // depends on the time of the test
			}
			if limits, err := json.Marshal(got.Limits); err != nil || string(limits) != c.want {
				t.Errorf("got %s, %v; want %s", limits, err, c.want)
			}
		})
	}
}

// TestUsedUpWindow checks that a token whose windows are used up shows until when,
// but not if its own quota, which does not renew, is used up, too.
func TestUsedUpWindow(t *testing.T) {
	_, u, env := serveAPI(t)
	made, err := u.Create(t.Context(), wire.TokenInput{Name: new("app"), RemainQuota: new(int64(10)), LimitsInput: wire.LimitsInput{Windows: []wire.WindowInput{
		{Period: new("month"), Quota: new(int64(8))}, {Period: new("5h"), Quota: new(int64(4))},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	shows := func(want, command string) {
		t.Helper()
		out, err := tokenctltest.Command(t, env, strings.Fields(command)...).Output()
		if err != nil || !regexp.MustCompile(want).Match(out) {
			t.Errorf("%s: got %v and no %q in\n%s", command, err, want, out)
		}
	}
	const at = `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`
	if v, err := u.Verify(t.Context(), made.Key, wire.VerifyInput{Quota: new(int64(4))}); err != nil || !v.Valid {
		t.Fatal(v, err)
	}
	shows(`Status +exhausted until `+at, "token get 1")
	shows(`Window +5h: 4 of 4 used, 0 left; resets at `+at, "token get 1")
	shows(`Window +month, UTC: 4 of 8 used, 4 left; resets at `+at, "token get 1")
	shows(`5h: 0 of 4 left \(\+1\)`, "token list")
	shows(`Status +exhausted\n`, "token update 1 --quota 0")
}
