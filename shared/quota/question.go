package quota

import (
	"crypto/rand"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-api/latchkey/shared/price"
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
	// Used says that the units are used already. Models, addresses and rates
	// count them and refuse nothing, and only the quota can refuse a spend of
	// them, see Operation.NeedsPermission.
	Used bool
	// ExpiryCharge is about a hold that is neither settled nor released, for example
	// because its gateway has died: up to so many of its units are charged when it
	// expires, and the others are free again. It is 0 to token.MaxInteger.
	ExpiryCharge int64
	// Use says what the units are for. It decides nothing: the token's history tells
	// it. Without a model in it, that of the Question counts.
	Use  price.Use
	From Origin // kept as the token's last use
}

// Normalize checks every field and returns the question in canonical form. The
// error is an *InvalidError.
func (q Question) Normalize() (Question, error) {
	if err := token.CheckQuota("quota", q.Quota); err != nil {
		return q, err
	}
	if err := token.CheckQuota("expiry_charge", q.ExpiryCharge); err != nil {
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

// NewRequestID returns a random request id that nobody can guess. It also says
// how many units a reservation holds and when it was made, in Unix milliseconds,
// so that a settlement need not read that first: see HoldOf.
func NewRequestID(units, madeAt int64) string {
	return rand.Text() + "-" + strconv.FormatInt(units, 36) + "-" + strconv.FormatInt(madeAt, 36)
}

// HoldOf returns what a request id of NewRequestID says about its hold. It is
// only what the caller says; zeros if it says nothing.
func HoldOf(requestID string) (units, madeAt int64) {
	parts := strings.Split(requestID, "-")
	if len(parts) != 3 {
		return 0, 0
	}
	units, unitsErr := strconv.ParseInt(parts[1], 36, 64)
	madeAt, timeErr := strconv.ParseInt(parts[2], 36, 64)
	if unitsErr != nil || timeErr != nil || units < 0 || units > token.MaxInteger || madeAt < 0 {
		return 0, 0
	}
	return units, madeAt
}

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
	RefusedRate      Refusal = "rate_limited"
)

// What refused: the Scope of a RefusedError. A window or a model quota has its
// prefix followed by the window's length or the pattern of models.
const (
	ScopeToken      = "token"
	ScopeUser       = "user" // the operator has stopped the keys of all tokens of the user
	ScopeWindow     = "window:"
	ScopeModel      = "model:"
	ScopeWallet     = "wallet"
	ScopeRequests   = "rate:requests"
	ScopeUnits      = "rate:units"
	ScopeConcurrent = "rate:concurrent"
)

// A Reason is a refusal and what refused.
type Reason struct {
	Refusal    Refusal       // "" if nothing refused
	Scope      string        // what refused, for RefusedExhausted, RefusedRate and, if it is ScopeUser, RefusedDisabled; else ""
	ResetsAt   int64         // for a window, and a wallet that renews: the Unix second at which it is whole again; else 0
	RetryAfter time.Duration // for a rate: the time until the same request is allowed; 0 if that is not known or never
}

// Name returns the refusal and its scope, such as quota_exhausted:window:day. It
// leaves out the pattern of a model quota, which a tenant chooses.
func (r Reason) Name() string {
	switch {
	case r.Scope == "":
		return string(r.Refusal)
	case strings.HasPrefix(r.Scope, ScopeModel):
		return string(r.Refusal) + ":model"
	default:
		return string(r.Refusal) + ":" + r.Scope
	}
}

// A RefusedError is a refusal as an error. Test for it with errors.As, or for
// one refusal with errors.Is(err, Refusal.Err()).
type RefusedError struct{ Reason }

func (e RefusedError) Error() string { return "key refused: " + string(e.Refusal) }

// Is reports whether target is the same refusal, whatever refused.
func (e RefusedError) Is(target error) bool {
	other, ok := target.(RefusedError)
	return ok && e.Refusal == other.Refusal
}

// Err returns the refusal as a RefusedError, and nil for "".
func (r Refusal) Err() error {
	if r == "" {
		return nil
	}
	return RefusedError{Reason{Refusal: r}}
}

// Check returns nil if a token allows what the question asks at a moment, and a
// RefusedError otherwise. A limited token must have q.Quota units free, and at
// least one, in each of its quotas.
func (q Question) Check(t token.Token, now time.Time) error {
	err := q.check(t, q.exhausted(t, q.Quota, now.Unix()), now.Unix())
	if err == nil && !q.Used {
		err = checkRates(t, q.Quota, now.UnixNano())
	}
	if err == nil && shortage(t, q.Quota, now.Unix()) > t.Supply.Units {
		err = RefusedByWallet(t.Supply)
	}
	return err
}

// CheckIgnoringQuota is Check without the conditions on free units and rates.
func (q Question) CheckIgnoringQuota(t token.Token, now int64) error { return q.check(t, nil, now) }

// exhausted returns a RefusedError if one of the token's quotas that the
// question counts in has fewer than the given units, or none.
func (q Question) exhausted(t token.Token, units, now int64) error {
	units = max(1, units)
	if !t.UnlimitedQuota && t.FreeAt(now) < units {
		return RefusedError{Reason{Refusal: RefusedExhausted, Scope: ScopeToken}}
	}
	var refused error
	for _, w := range t.Windows {
		use := t.WindowUse(w, now)
		if use.Remaining < units {
			refused = laterOf(refused, RefusedError{Reason{Refusal: RefusedExhausted, Scope: ScopeWindow + w.Length, ResetsAt: use.ResetsAt}})
		}
	}
	if refused != nil {
		return refused
	}
	for _, m := range t.ModelQuotas {
		if q.Model != "" && token.MatchesModel(m.Model, q.Model) && t.ModelUse(m, now).Remaining < units {
			return RefusedError{Reason{Refusal: RefusedExhausted, Scope: ScopeModel + m.Model}}
		}
	}
	return nil
}

// laterOf returns the refusal that ends later.
func laterOf(err error, other RefusedError) error {
	if first, ok := err.(RefusedError); ok && first.ResetsAt >= other.ResetsAt { //nolint:errorlint // made here
		return first
	}
	return other
}

// check returns the first refusal that applies. exhausted is that for lack of
// quota, if any.
func (q Question) check(t token.Token, exhausted error, now int64) error {
	switch {
	case t.Stopped:
		return RefusedError{Reason{Refusal: RefusedDisabled, Scope: ScopeUser}}
	case t.Disabled:
		return RefusedDisabled.Err()
	case t.ExpiredTime != token.Never && t.ExpiredTime <= now:
		return RefusedExpired.Err()
	case exhausted != nil:
		return exhausted
	case q.Used:
		return nil
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
