package main_test

import (
	"encoding/json"
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
