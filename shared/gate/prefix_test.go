package gate_test

import (
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/gate"
)

// A text could be a key with sk- and without it; a key that is cut, changed or has
// two prefixes could not.
func TestCouldBeKey(t *testing.T) {
	t.Parallel()
	key := credential.NewKey(1, 2).Reveal()
	rest := strings.TrimPrefix(key, credential.KeyPrefix)
	g := gate.New(nil)
	for name, row := range map[string]struct {
		text string
		want bool
	}{
		"whole": {key, true}, "without_prefix": {rest, true},
		"two_prefixes": {credential.KeyPrefix + key, false}, "cut": {rest[:len(rest)-1], false}, "empty": {"", false}, "prefix": {credential.KeyPrefix, false},
	} {
		if got := g.CouldBeKey(row.text); got != row.want {
			t.Errorf("%s: got %t, want %t", name, got, row.want)
		}
	}
}
