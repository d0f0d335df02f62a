package wire_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/shared/wire"
)

// A list that is nil is absent from the body; an empty one is sent and clears
// the stored list.
func TestInputLists(t *testing.T) {
	for name, row := range map[string]struct {
		in   any
		want string
	}{
		"nil":           {wire.UpdateInput{}, `{}`},
		"empty":         {wire.UpdateInput{TokenInput: wire.TokenInput{Models: []string{}, AllowIPs: []string{}}}, `{"models":[],"allow_ips":[]}`},
		"with elements": {wire.TokenInput{Models: []string{"a"}, ModelLimits: []string{"b"}}, `{"models":["a"],"model_limits":["b"]}`},
		"no ids":        {wire.IDsInput{}, `{}`},
		"ids":           {wire.IDsInput{IDs: []int64{1, 2}}, `{"ids":[1,2]}`},
		"no tokens":     {wire.TokensInput{}, `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := json.Marshal(row.in); err != nil || string(got) != row.want {
				t.Errorf("got %s, %v, want %s", got, err, row.want)
			}
		})
	}
}

// A valid verdict or reservation, when printed, does not contain the word
// refused.
func TestPrintedVerdict(t *testing.T) {
	for name, printed := range map[string]string{
		"verdict":     fmt.Sprintf("%v %+v", wire.Verdict{Valid: true}, wire.Verdict{Valid: true}),
		"reservation": fmt.Sprintf("%v %+v", wire.Reservation{Valid: true}, wire.Reservation{Valid: true}),
	} {
		if strings.Contains(printed, "refused") {
			t.Errorf("a valid %s prints %s", name, printed)
		}
	}
	if refused := fmt.Sprint(wire.Verdict{Code: wire.RefusedModel}); !strings.Contains(refused, "model_not_allowed") {
		t.Errorf("a refused verdict prints %s, want its reason", refused)
	}
}
