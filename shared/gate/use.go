package gate

import (
	"context"
	"sync"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/reqlog"
	"github.com/latchkey-api/latchkey/shared/token"
)

const (
	// refusalSeconds is how long a process collects refusals of a token before it
	// writes them.
	refusalSeconds = 60

	maxKnownUses    = 10_000 // tokens, of which a process knows what it has written
	maxRefusalNames = 32     // of a token within refusalSeconds
)

// WithUseRecords makes a gate record when and from where keys are used, and how
// often they are refused. docs/data-plane.md describes what is kept.
//
// A check, a spend, a reservation or a question about usage that is allowed writes
// the token once more if its last use is recorded as an hour old. A refusal is
// counted in the process. The first one of a token is written at once, and after
// that the refusals of a minute together, with the next one after it; what a process
// has not written when it ends is lost. Neither changes an answer: what can't be
// recorded is added to the Unrecorded of the context's reqlog.Meter.
func WithUseRecords() Option {
	return func(g *Gate) { g.uses = &useTable{byToken: map[token.Address]*knownUse{}} }
}

// A useTable has what a process knows of the uses that it has recorded, by token.
// If it is full, a new token takes the place of any other.
type useTable struct {
	mu      sync.Mutex
	byToken map[token.Address]*knownUse
}

type knownUse struct {
	usedAt    int64            // the Unix second of the last attempt to record a use; 0 for none
	refusedAt int64            // the same of refusals
	refusals  map[string]int64 // since refusedAt, by Reason.Name
}

// recordUse records an answer about a key. It does nothing for a key that is not
// known, and for units that were used already: their request was recorded before.
func (g *Gate) recordUse(ctx context.Context, key credential.Key, q quota.Question, v quota.Verdict) {
	switch {
	case g.uses == nil || v.Token.ID == 0 || q.Used:
	case v.Valid():
		g.touch(ctx, key, g.uses.use(v.Token, q.From, g.now().Unix()))
	default:
		g.touch(ctx, key, g.uses.refusal(v.Token, v.Reason, g.now().Unix()))
	}
}

// RecordRefusal counts a refusal of Hold, which does not count its own: its caller
// may ask again for fewer units.
func (g *Gate) RecordRefusal(ctx context.Context, key string, v quota.Verdict) {
	if g.uses == nil || v.Valid() || v.Token.ID == 0 {
		return
	}
	if k, err := g.find(ctx, key); err == nil {
		g.recordUse(ctx, k, quota.Question{}, v)
	}
}

// touch writes a touch, unless there is nothing in it.
func (g *Gate) touch(ctx context.Context, key credential.Key, t quota.Touch) {
	if t.Use.Time == 0 && len(t.Refusals) == 0 {
		return
	}
	if err := g.store.Touch(ctx, key, t); err != nil {
		reqlog.MeterFrom(ctx).Add(reqlog.Cost{Unrecorded: 1})
	}
}

// use returns what to write for a use of a token at a Unix second: nothing if a use
// of the hour before is recorded, or this process has tried to.
func (u *useTable) use(t token.Token, from quota.Origin, now int64) (touch quota.Touch) {
	if now-t.LastUse.Time < quota.UseSeconds {
		return touch
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	known := u.of(t)
	if isOver(known.usedAt, quota.UseSeconds, now) {
		known.usedAt = now
		touch.Use = from.Use(now)
	}
	return touch
}

// refusal returns what to write for a refusal of a token at a Unix second, together
// with earlier ones.
func (u *useTable) refusal(t token.Token, reason quota.Reason, now int64) (touch quota.Touch) {
	u.mu.Lock()
	defer u.mu.Unlock()
	known := u.of(t)
	if known.refusals == nil {
		known.refusals = map[string]int64{}
	}
	name := reason.Name()
	if _, ok := known.refusals[name]; ok || len(known.refusals) < maxRefusalNames {
		known.refusals[name]++
	}
	if isOver(known.refusedAt, refusalSeconds, now) {
		known.refusedAt = now
		touch.Refusals, known.refusals = known.refusals, nil
	}
	return touch
}

// isOver reports whether a time that began at a Unix second is over. One that has
// not begun is over, too: the clock was set back.
func isOver(began, seconds, now int64) bool { return now-began >= seconds || now < began }

// of returns what is known of a token.
func (u *useTable) of(t token.Token) *knownUse {
	at := token.Address{UserID: t.UserID, ID: t.ID}
	known := u.byToken[at]
	if known == nil {
		if len(u.byToken) >= maxKnownUses {
			for other := range u.byToken { // any one
				delete(u.byToken, other)
				break
			}
		}
		known = new(knownUse)
		u.byToken[at] = known
	}
	return known
}
