package gate_test

import (
	"slices"
	"sync"
	"time"
)

// maxMeters is how many windows and model quotas a token of a history has.
const maxMeters = 3

// limitSettings are the limits of a token. Zero values are no limits.
type limitSettings struct {
	meters     [maxMeters]meterSettings // windows first, then model quotas
	requests   int64                    // per minute
	units      int64                    // per minute
	concurrent int64
}

// meterSettings is a window, or a quota for one model.
type meterSettings struct {
	length string // of a window: "day", "hour" or a fixed length
	fixed  int64  // the seconds of a fixed length
	model  string // of a model quota
	quota  int64
}

// A limitsModel is what a token with limits has counted. It is written from
// docs/limits.md, independently of the product's code.
type limitsModel struct {
	settings                *limitSettings // nil for a token without limits
	meters                  [maxMeters]meterModel
	lastMeter               int8
	requestsUpTo, unitsUpTo int64 // Unix nanoseconds: a rate is used up to then
}

// A meterModel is one count of a window or of a model quota.
type meterModel struct {
	number int8 // 0 before the first use
	left   int64
	endsAt int64
}

// A countedModel is what a hold counts in.
type countedModel struct {
	meters  [maxMeters]int8 // their numbers; 0 for those in which it does not count
	inRate  bool
	madeAtM int64 // Unix milliseconds
}

func (l limitsModel) of() limitSettings {
	if l.settings == nil {
		return limitSettings{}
	}
	return *l.settings
}

// counts reports whether a use of a model counts in a meter.
func (s meterSettings) counts(model string) bool {
	return s.length != "" || s.model != "" && s.model == model
}

// windowEnd returns the second at which a window ends that is in use at a
// second. The histories are in Berlin.
func (s meterSettings) windowEnd(now int64, zone *time.Location) int64 {
	at := time.Unix(now, 0).In(zone)
	switch s.length {
	case "hour":
		return now - now%3600 + 3600 // the offsets of Berlin are whole hours
	case "day":
		return time.Date(at.Year(), at.Month(), at.Day()+1, 0, 0, 0, 0, zone).Unix()
	case "month":
		return time.Date(at.Year(), at.Month()+1, 1, 0, 0, 0, 0, zone).Unix()
	default:
		return now + s.fixed
	}
}

// fresh reports whether a meter has its whole quota at a second.
func (m meterModel) fresh(now int64) bool { return m.number == 0 || m.endsAt != 0 && m.endsAt <= now }

func (l limitsModel) left(i int, now int64) int64 {
	if l.meters[i].fresh(now) {
		return l.of().meters[i].quota
	}
	return l.meters[i].left
}

// exhausted returns the refusal of a request that does not fit into a quota: of
// the window that renews last, else of a model quota.
func (l limitsModel) exhausted(op operation) result {
	var refused result
	for i, s := range l.of().meters {
		if !s.counts(op.model) || l.left(i, op.now) >= max(1, op.quota) {
			continue
		}
		this := result{code: "quota_exhausted", scope: "model:" + s.model}
		if s.length != "" {
			this.scope, this.wait = "window:"+s.length, l.resetsAt(i, op.now)
		}
		if refused.code == "" || s.length != "" && this.wait > refused.wait {
			refused = this
		}
	}
	return refused
}

// resetsAt returns the second at which a window renews, 0 if that is not known.
func (l limitsModel) resetsAt(i int, now int64) int64 {
	s := l.of().meters[i]
	switch {
	case s.length == "":
		return 0
	case !l.meters[i].fresh(now):
		return l.meters[i].endsAt
	case s.fixed > 0:
		return 0
	}
	return s.windowEnd(now, berlin())
}

const minute = int64(time.Minute)

// each returns the nanoseconds that one of a rate per minute takes.
func each(perMinute int64) int64 { return (minute + perMinute - 1) / perMinute }

// tooEarly returns the refusal of a request that comes faster than a rate allows.
func (l limitsModel) tooEarly(op operation) result {
	for _, r := range []struct {
		scope              string
		perMinute, upTo, n int64
	}{{"rate:requests", l.of().requests, l.requestsUpTo, 1}, {"rate:units", l.of().units, l.unitsUpTo, op.quota}} {
		if r.perMinute == 0 {
			continue
		}
		now, burst := op.unixNano(), each(r.perMinute)*r.perMinute
		wait := max(r.upTo, now) + r.n*each(r.perMinute) - now - burst
		switch {
		case r.n > r.perMinute:
			return result{code: "rate_limited", scope: r.scope}
		case wait > 0:
			return result{code: "rate_limited", scope: r.scope, wait: (wait + 1e6 - 1) / 1e6}
		}
	}
	return result{}
}

// use starts the windows and model quotas that a use counts in, and takes units
// from them.
func (l limitsModel) use(model string, units, now int64) (_ limitsModel, numbers [maxMeters]int8) {
	for i, s := range l.of().meters {
		if !s.counts(model) {
			continue
		}
		l = l.renewed(i, now)
		l.meters[i].left -= units
		numbers[i] = l.meters[i].number
	}
	return l, numbers
}

// renewed starts a meter anew if it has ended.
func (l limitsModel) renewed(i int, now int64) limitsModel {
	if !l.meters[i].fresh(now) {
		return l
	}
	l.lastMeter++
	s := l.of().meters[i]
	l.meters[i] = meterModel{number: l.lastMeter, left: s.quota}
	if s.length != "" {
		l.meters[i].endsAt = s.windowEnd(now, berlin())
	}
	return l
}

// count counts a spend or a reservation.
func (l limitsModel) count(op operation) (limitsModel, countedModel) {
	var c countedModel
	l, c.meters = l.use(op.model, op.quota, op.now)
	if perMinute := l.of().requests; perMinute > 0 {
		l.requestsUpTo = max(l.requestsUpTo, op.unixNano()) + each(perMinute)
	}
	if perMinute := l.of().units; perMinute > 0 {
		l.unitsUpTo = max(l.unitsUpTo, op.unixNano()) + op.quota*each(perMinute)
		c.inRate, c.madeAtM = true, op.unixNano()/1e6
	}
	return l, c
}

// grow counts the units by which a hold grows.
func (l limitsModel) grow(r requestModel, more operation) limitsModel {
	l, _ = l.use(more.model, more.quota, more.now)
	return l.correct(r, r.quota+more.quota, more)
}

// giveBack returns a hold's units to the windows and model quotas that it counts
// in. If one of them has been renewed since, its units vanish.
func (l limitsModel) giveBack(r requestModel) limitsModel {
	for i := range l.meters {
		if l.holds(i, r) {
			l.meters[i].left += r.quota
		}
	}
	return l
}

func (l limitsModel) holds(i int, r requestModel) bool {
	return r.counted.meters[i] != 0 && r.counted.meters[i] == l.meters[i].number
}

// charge takes what a settlement charges from the hold's windows and model
// quotas, and returns how much that is. What goes beyond the hold also has to fit
// into windows that were renewed since.
func (l limitsModel) charge(r requestModel, wanted int64, op operation) (limitsModel, int64) {
	beyond := wanted > r.quota && r.counted.meters != [maxMeters]int8{}
	charged, since := wanted, []int{}
	for i, s := range l.of().meters {
		if beyond && s.length != "" {
			l = l.renewed(i, op.now)
		}
		switch {
		case l.holds(i, r):
			charged = min(charged, max(0, l.meters[i].left))
		case beyond && s.length != "":
			since = append(since, i)
		}
	}
	for _, i := range since {
		charged = min(charged, max(r.quota, r.quota+l.meters[i].left))
	}
	charged = max(charged, min(wanted, r.quota)) // what is held can be charged
	for i := range l.meters {
		switch {
		case l.holds(i, r):
			l.meters[i].left -= charged
		case slices.Contains(since, i):
			l.meters[i].left -= max(0, charged-r.quota)
		}
	}
	return l.correct(r, charged, op), charged
}

// correct corrects the rate of units for a hold that turns out to cost more or
// fewer units. The time since the reservation is not given back.
func (l limitsModel) correct(r requestModel, units int64, op operation) limitsModel {
	if !r.counted.inRate {
		return l
	}
	cost := (units - r.quota) * each(l.of().units)
	if cost > 0 {
		l.unitsUpTo = max(l.unitsUpTo, op.unixNano()) + cost
	} else {
		l.unitsUpTo -= max(0, -cost-max(0, op.unixNano()-r.counted.madeAtM*1e6))
	}
	return l
}

// quotaUses returns what a check sees of the windows and model quotas.
func (m tokenModel) quotaUses(now int64) (uses [maxMeters]quotaUse) {
	l := m.limits
	for i, s := range l.of().meters {
		if s == (meterSettings{}) {
			continue
		}
		uses[i] = quotaUse{remaining: s.quota, resetsAt: l.resetsAt(i, now)}
		if l.meters[i].fresh(now) {
			continue
		}
		var held int64
		for _, r := range append(m.requests[:], m.own[:]...) {
			if r.state == stateOpen && l.holds(i, r) {
				held += r.quota
			}
		}
		uses[i].used, uses[i].remaining = max(0, s.quota-l.meters[i].left-held), max(0, l.meters[i].left)
	}
	return uses
}

// berlin is the time zone of the histories. It has a shorter and a longer day.
var berlin = sync.OnceValue(func() *time.Location { //nolint:gochecknoglobals // read once, because a model has no place for it
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	return zone
})
