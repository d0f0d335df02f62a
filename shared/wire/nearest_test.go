package wire_test

import (
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/shared/wire"
)

// A name that is not known is answered with the one that was probably meant, and
// with none if none is near.
func TestNearest(t *testing.T) {
	t.Parallel()
	known := strings.Fields("id name status expired_time remain_quota unlimited_quota model_limits_enabled models model_limits allow_ips subnet group max_concurrent")
	for name, want := range map[string]string{
		"nam": "name", "Name": "name", "naem": "name", "name ": "name", "modles": "models", "model": "models",
		"remaining_quota": "remain_quota", "remain_qouta": "remain_quota", "remainQuota": "remain_quota", "remain-quota": "remain_quota",
		"modelLimitsEnabled": "model_limits_enabled", "allowIps": "allow_ips", "maxConcurrent": "max_concurrent", "expire_time": "expired_time",
		"expires_at": "", "quota": "", "x": "", "": "", "ip": "", "__proto__": "", "key_alias": "", "budget": "", strings.Repeat("name", 20): "",
	} {
		if got := wire.Nearest(name, known); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}
