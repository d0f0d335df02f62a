package quota

import (
	"crypto/rand"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/latchkey-api/latchkey/shared/token"
)

// The length of a request id, in characters.
const (
	// MinRequestIDLength is that of 128 random bits in base64url. A request id
	// must be hard to guess: with the key, which every client of a gateway has,
	// it is all that a caller needs to end a hold.
	MinRequestIDLength = 22
	MaxRequestIDLength = 128
)

// A Question asks whether a key may do something now. A zero field is not asked
// about.
type Question struct {
	Model     string
	IP        netip.Addr // of the caller
	Quota     int64      // units to spend or to reserve, 0 to token.MaxInteger
	RequestID string     // makes the request take effect once, see Operation and CheckRequestID
}

// Normalize checks every field and returns the question in canonical form. The
// error is an *InvalidError.
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

// CheckRequestID returns an *InvalidError unless id has MinRequestIDLength to
// MaxRequestIDLength characters of A-Z, a-z, 0-9, "_" and "-".
func CheckRequestID(id string) error {
	foreign := func(r rune) bool { return !strings.ContainsRune(requestIDCharacters, r) }
	if len(id) < MinRequestIDLength || len(id) > MaxRequestIDLength || strings.ContainsFunc(id, foreign) {
		return &token.InvalidError{Field: "request_id", Reason: fmt.Sprintf(
			"must be %d to %d characters of A-Z, a-z, 0-9, _ and -, chosen at random: anyone who has the key and guesses it can end the hold",
			MinRequestIDLength, MaxRequestIDLength)}
	}
	return nil
}

const requestIDCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

// NewRequestID returns a random request id that nobody can guess.
func NewRequestID() string { return rand.Text() }

// CheckModel returns an *InvalidError if name is not a valid name of a model to
// ask about. Names are compared exactly, white space included.
func CheckModel(name string) error {
	_, err := token.CheckText("model", name, 1, token.MaxModelNameLength)
	return err
}

// ParseIP parses a caller's address. The error is an *InvalidError.
func ParseIP(s string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(strings.TrimSpace(s))
	if err != nil || addr.Zone() != "" {
		return netip.Addr{}, &token.InvalidError{Field: "ip", Reason: "must be one IP address, such as 203.0.113.7 or 2001:db8::1"}
	}
	return addr.Unmap(), nil
}

// Networks returns every entry of Token.AllowIPs that would allow an address: the
// address itself, then each prefix that contains it, longest first.
func Networks(addr netip.Addr) []string {
	addr = addr.Unmap()
	all := []string{addr.String()}
	for bits := addr.BitLen(); bits >= 0; bits-- {
		all = append(all, netip.PrefixFrom(addr, bits).Masked().String())
	}
	return all
}

// A Refusal is the reason why a key may not do what a Question asks. "" means
// that it may.
type Refusal string

// The refusals. If several apply, the result is the first in this order.
const (
	RefusedUnknown   Refusal = "not_found" // the key is unknown, malformed or deleted
	RefusedDisabled  Refusal = "disabled"
	RefusedExpired   Refusal = "expired"
	RefusedExhausted Refusal = "quota_exhausted"
	RefusedModel     Refusal = "model_not_allowed"
	RefusedIP        Refusal = "ip_not_allowed"
)

// A RefusedError is a refusal as an error. Test for it with errors.As, or for one
// refusal with errors.Is.
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
// and a RefusedError otherwise. A limited token must have q.Quota units free, and
// at least one.
func (q Question) Check(t token.Token, now int64) error {
	return q.check(t, !t.UnlimitedQuota && t.FreeAt(now) < max(1, q.Quota), now)
}

// CheckIgnoringQuota is Check without the condition on free units.
func (q Question) CheckIgnoringQuota(t token.Token, now int64) error { return q.check(t, false, now) }

func (q Question) check(t token.Token, exhausted bool, now int64) error {
	switch {
	case t.Disabled:
		return RefusedDisabled.Err()
	case t.ExpiredTime != token.Never && t.ExpiredTime <= now:
		return RefusedExpired.Err()
	case exhausted:
		return RefusedExhausted.Err()
	case q.Model != "" && !t.AllowsModel(q.Model):
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
