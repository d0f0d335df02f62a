package event

import (
	"strconv"
	"time"

	"github.com/latchkey-api/latchkey/shared/credential"
)

const daySeconds = 24 * 60 * 60

// A Notice is one of the events about the expiry of a token, and the moment at which
// it becomes true.
type Notice struct {
	Type     Type
	At       int64 // Unix second
	DaysLeft int64 // from At to the expiry
}

// NoticesOf returns the notices of an expiry, which is a Unix second, in the order of
// their moments.
func NoticesOf(expires int64) []Notice {
	return []Notice{
		{TokenExpiring, expires - 7*daySeconds, 7},
		{TokenExpiring, expires - daySeconds, 1},
		{TokenExpired, expires, 0},
	}
}

// Expires returns the Unix second of the expiry.
func (n Notice) Expires() int64 { return n.At + n.DaysLeft*daySeconds }

// Of returns the event of a notice about a token. Its ID is a function of the token,
// the notice and the expiry, so the event has the same one whenever and by whomever it
// is made. at is the Unix second of the event.
func (n Notice) Of(t Token, at int64) (Event, error) {
	t.Name = credential.Redact(t.Name)
	id := NewID("expiry", decimal(t.UserID), decimal(t.TokenID), decimal(n.DaysLeft), decimal(n.Expires()))
	var data any = Expired{t, n.Expires()}
	if n.Type == TokenExpiring {
		data = Expiring{Token: t, ExpiredTime: n.Expires(), SecondsLeft: n.Expires() - at, DaysLeft: n.DaysLeft}
	}
	return New(t.UserID, id, n.Type, time.Unix(at, 0), data)
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }
