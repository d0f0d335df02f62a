package token

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// How many characters there may be. A model that is asked about may have a
// longer name than one that a token can be limited to.
const (
	MaxRequestID     = 128
	MaxQuestionModel = 256
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
	if err := CheckQuota("quota", q.Quota); err != nil {
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

// CheckQuota holds an amount of units to its range. The error is an
// *InvalidError.
func CheckQuota(field string, n int64) error {
	if n < 0 || n > MaxInteger {
		return invalid(field, fmt.Sprintf("must be between 0 and %d", int64(MaxInteger)))
	}
	return nil
}

// CheckRequestID holds the name of a request to its rule. The error is an
// *InvalidError.
func CheckRequestID(id string) error {
	clean, err := cleanText("request_id", id, 1, MaxRequestID)
	if err == nil && clean != id {
		err = invalid("request_id", "must not begin or end with blanks")
	}
	return err
}

// CheckModel holds the name of a model that is asked about to its rule; it is
// compared as it is, blanks and all. The error is an *InvalidError.
func CheckModel(name string) error {
	_, err := cleanText("model", name, 1, MaxQuestionModel)
	return err
}

// ParseIP reads a caller's address. The error is an *InvalidError.
func ParseIP(s string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(strings.TrimSpace(s))
	if err != nil || addr.Zone() != "" {
		return netip.Addr{}, invalid("ip", "must be one IP address, such as 203.0.113.7 or 2001:db8::1")
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

// A Refusal is why a key may not do what was asked. It is an error, so that
// errors.As finds it; to who asked it is a successful answer.
type Refusal string //nolint:errname // a code on the wire

// The refusals, the first that applies first.
//
//nolint:errname // codes, as above
const (
	RefusedUnknown   Refusal = "not_found" // unknown, malformed and deleted keys
	RefusedDisabled  Refusal = "disabled"
	RefusedExpired   Refusal = "expired"
	RefusedExhausted Refusal = "quota_exhausted"
	RefusedModel     Refusal = "model_not_allowed"
	RefusedIP        Refusal = "ip_not_allowed"
)

func (r Refusal) Error() string { return "key refused: " + string(r) }

// Allows judges a question. Its error is a Refusal. Of a limited token
// Quota, and at least one unit, must be free.
func (t Token) Allows(q Question, now int64) error {
	return t.judge(q, !t.UnlimitedQuota && t.FreeAt(now) < max(1, q.Quota), now)
}

// AllowsUse judges a question but for its quota. Its error is a Refusal.
func (t Token) AllowsUse(q Question, now int64) error { return t.judge(q, false, now) }

// judge is Allows, told whether the quota is exhausted.
func (t Token) judge(q Question, exhausted bool, now int64) error {
	switch {
	case t.Disabled:
		return RefusedDisabled
	case t.ExpiredTime != Never && t.ExpiredTime <= now:
		return RefusedExpired
	case exhausted:
		return RefusedExhausted
	case q.Model != "" && t.ModelLimitsEnabled && !slices.Contains(t.Models, q.Model):
		return RefusedModel
	case q.IP.IsValid() && len(t.AllowIPs) > 0 && !t.allowsIP(q.IP):
		return RefusedIP
	default:
		return nil
	}
}

func (t Token) allowsIP(addr netip.Addr) bool {
	return slices.ContainsFunc(Networks(addr), func(entry string) bool { return slices.Contains(t.AllowIPs, entry) })
}
