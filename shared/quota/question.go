package quota

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/latchkey-api/latchkey/shared/token"
)

// How many characters there may be. A model that is asked about may have a
// longer name than one that a token can be limited to.
const (
	MaxRequestIDLength     = 128
	MaxQuestionModelLength = 256
)

// A Question is what a gateway asks of a key: may it do this, now.
type Question struct {
	Model     string     // "" is not asked about
	IP        netip.Addr // the caller's; the zero Addr is not asked about
	Quota     int64      // units to spend or to hold, 0 to MaxInteger; to Verify, 0 only checks
	RequestID string     // names the request, so that it is counted once; "" if it has no name
}

// Normalize checks every field and returns the question in canonical form.
// Its error is an *InvalidError.
func (q Question) Normalize() (Question, error) {
	if err := token.CheckQuota("quota", q.Quota); err != nil {
		return q, err
	}
	if q.RequestID != "" {
		if err := CheckRequestID(q.RequestID); err != nil {
			return q, err
		}
	}
	if q.Model != "" {
		if err := CheckModel(q.Model); err != nil {
			return q, err
		}
	}
	q.IP = q.IP.Unmap()
	return q, nil
}

// CheckRequestID holds the name of a request to its rule. The error is an
// *InvalidError.
func CheckRequestID(id string) error {
	clean, err := token.CheckText("request_id", id, 1, MaxRequestIDLength)
	if err == nil && clean != id {
		err = &token.InvalidError{Field: "request_id", Reason: "must not begin or end with blanks"}
	}
	return err
}

// CheckModel holds the name of a model that is asked about to its rule; it is
// compared as it is, blanks and all. The error is an *InvalidError.
func CheckModel(name string) error {
	_, err := token.CheckText("model", name, 1, MaxQuestionModelLength)
	return err
}

// ParseIP reads a caller's address. The error is an *InvalidError.
func ParseIP(s string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(strings.TrimSpace(s))
	if err != nil || addr.Zone() != "" {
		return netip.Addr{}, &token.InvalidError{Field: "ip", Reason: "must be one IP address, such as 203.0.113.7 or 2001:db8::1"}
	}
	return addr.Unmap(), nil
}

// Networks lists every entry of AllowIPs that lets an address in: itself, and
// each prefix that it lies in, the longest first.
func Networks(addr netip.Addr) []string {
	addr = addr.Unmap()
	all := []string{addr.String()}
	for bits := addr.BitLen(); bits >= 0; bits-- {
		all = append(all, netip.PrefixFrom(addr, bits).Masked().String())
	}
	return all
}

// A Refusal is the reason why a key may not do what was asked. "" means that it
// may.
type Refusal string

// The refusals. If several apply, the first one in this order is given.
const (
	RefusedUnknown   Refusal = "not_found" // unknown, malformed and deleted keys
	RefusedDisabled  Refusal = "disabled"
	RefusedExpired   Refusal = "expired"
	RefusedExhausted Refusal = "quota_exhausted"
	RefusedModel     Refusal = "model_not_allowed"
	RefusedIP        Refusal = "ip_not_allowed"
)

// A RefusedError is a refusal as an error. Find it with errors.As, or compare
// it with errors.Is.
type RefusedError struct{ Refusal Refusal }

func (e RefusedError) Error() string { return "key refused: " + string(e.Refusal) }

// Err returns the refusal as a RefusedError, and nil for "".
func (r Refusal) Err() error {
	if r == "" {
		return nil
	}
	return RefusedError{Refusal: r}
}

// Check returns nil if a token allows what the question asks at a Unix second,
// and a RefusedError otherwise. A limited token must have q.Quota, and at least
// one unit, free.
func (q Question) Check(t token.Token, now int64) error {
	return q.check(t, !t.UnlimitedQuota && t.FreeAt(now) < max(1, q.Quota), now)
}

// CheckUse is Check without the quota.
func (q Question) CheckIgnoringQuota(t token.Token, now int64) error { return q.check(t, false, now) }

func (q Question) check(t token.Token, exhausted bool, now int64) error {
	switch {
	case t.Disabled:
		return RefusedDisabled.Err()
	case t.ExpiredTime != token.Never && t.ExpiredTime <= now:
		return RefusedExpired.Err()
	case exhausted:
		return RefusedExhausted.Err()
	case q.Model != "" && t.ModelLimitsEnabled && !slices.Contains(t.Models, q.Model):
		return RefusedModel.Err()
	case q.IP.IsValid() && len(t.AllowIPs) > 0 && !allowsIP(t.AllowIPs, q.IP):
		return RefusedIP.Err()
	default:
		return nil
	}
}

func allowsIP(entries []string, addr netip.Addr) bool {
	return slices.ContainsFunc(Networks(addr), func(network string) bool { return slices.Contains(entries, network) })
}
