// Package period computes when the window of a quota ends and the next one
// begins: by the calendar of a time zone, or by a fixed length.
//
// The windows of a calendar period tile time: the end of each is the start of
// the next, also where a time zone shifts its clock or skips a day. The time
// zone data is part of the program, so every process of one version computes
// the same windows, whatever is installed on its machine.
package period

import "strconv"

// The calendar lengths of a Period.
const (
	Hour  = "hour"
	Day   = "day"
	Week  = "week"
	Month = "month"
)

const (
	secondsPerMinute = 60
	secondsPerHour   = 60 * secondsPerMinute
	secondsPerDay    = 24 * secondsPerHour

	// The limits of a fixed length.
	minSeconds = secondsPerMinute
	maxSeconds = 366 * secondsPerDay
)

// A Period says when a quota window ends and the next begins.
type Period struct {
	// Length is hour, day, week or month of the calendar, or a fixed length
	// such as "5h": a whole number and s, m, h or d, from one minute to 366
	// days. A window of a fixed length begins at its first use. A d is 24
	// hours, so "1d" and "day" differ. Normalize writes a length in the largest
	// unit that needs no fraction: "120m" becomes "2h".
	Length string
	// Timezone is a name of the IANA time zone database, such as
	// "Europe/Berlin". "" is UTC. A fixed length has none.
	Timezone string
	// Anchor is where in the calendar a window begins.
	Anchor Anchor
}

// An Anchor is the place in a day, week or month at which a window begins. A
// field that does not apply to the length has its default.
//
// If the clock skips the anchor, the window begins at the first instant after
// the gap. If the clock shows the anchor twice, the first time counts.
type Anchor struct {
	Hour    int // of the day, 0 to 23; not for hour
	Weekday int // 1 (Monday, the default) to 7; only for week
	Day     int // of the month, 1 (the default) to 31; only for month. A shorter month begins its window on its last day
}

// An InvalidError is a period that breaks a rule. Field and Reason together
// make a sentence.
type InvalidError struct {
	Field  string // "period", "timezone" or "anchor"
	Reason string // for people: what to do
}

func (e *InvalidError) Error() string { return e.Field + " " + e.Reason }

func invalid(field, reason string) error { return &InvalidError{Field: field, Reason: reason} }

// Normalize returns the period in its canonical form, with defaults filled in:
// compare periods in this form. The error is an *InvalidError.
//
// In the canonical form, a field that does not apply to the length is empty. As
// input it may also have its default: the time zone "UTC", hour 0, weekday 1
// and day 1.
func (p Period) Normalize() (Period, error) {
	seconds, fixed := parseLength(p.Length)
	if !fixed && !p.IsCalendar() {
		return Period{}, invalid("period", `must be hour, day, week, month, or a length such as "5h": a whole number and s, m, h or d, from 1m to 366d`)
	}
	if fixed {
		p.Length = formatLength(seconds)
	}
	timezone, err := p.timezone()
	if err != nil {
		return Period{}, err
	}
	p.Timezone = timezone
	anchor, err := p.anchor()
	if err != nil {
		return Period{}, err
	}
	p.Anchor = anchor
	return p, nil
}

// IsCalendar reports whether the windows follow the calendar, and not the
// first use.
func (p Period) IsCalendar() bool {
	return p.Length == Hour || p.Length == Day || p.Length == Week || p.Length == Month
}

// timezone returns the canonical time zone of a period with a valid length.
func (p Period) timezone() (string, error) {
	name := p.Timezone
	if name == "" {
		name = utc
	}
	switch {
	case !p.IsCalendar() && name != utc:
		return "", invalid("timezone", "applies to hour, day, week and month; leave it out, because a fixed length begins at its first use")
	case !p.IsCalendar():
		return "", nil
	case location(name) == nil:
		return "", invalid("timezone", `must be a name of the IANA time zone database, spelled exactly, such as "Europe/Berlin" or "UTC"`)
	}
	return name, nil
}

// anchor returns the canonical anchor of a period with a valid length.
func (p Period) anchor() (Anchor, error) {
	a := Anchor{Hour: p.Anchor.Hour, Weekday: max(p.Anchor.Weekday, 1), Day: max(p.Anchor.Day, 1)}
	switch {
	case a.Hour < 0 || a.Hour > 23:
		return Anchor{}, invalid("anchor", "hour must be from 0 to 23")
	case p.Anchor.Weekday < 0 || a.Weekday > 7:
		return Anchor{}, invalid("anchor", "weekday must be from 1 (Monday) to 7 (Sunday)")
	case p.Anchor.Day < 0 || a.Day > 31:
		return Anchor{}, invalid("anchor", "day must be from 1 to 31")
	case a.Hour != 0 && (p.Length == Hour || !p.IsCalendar()):
		return Anchor{}, invalid("anchor", "hour applies to day, week and month; leave it out")
	case a.Weekday != 1 && p.Length != Week:
		return Anchor{}, invalid("anchor", "weekday applies to week; leave it out")
	case a.Day != 1 && p.Length != Month:
		return Anchor{}, invalid("anchor", "day applies to month; leave it out")
	}
	if p.Length != Week {
		a.Weekday = 0
	}
	if p.Length != Month {
		a.Day = 0
	}
	return a, nil
}

// parseLength returns the seconds of a fixed length, and whether it is one.
func parseLength(s string) (seconds int64, ok bool) {
	if s == "" {
		return 0, false
	}
	number, err := strconv.ParseUint(s[:len(s)-1], 10, 32)
	unit := secondsOf(s[len(s)-1])
	if err != nil || unit == 0 {
		return 0, false
	}
	seconds = int64(number) * unit
	return seconds, minSeconds <= seconds && seconds <= maxSeconds
}

func formatLength(seconds int64) string {
	const units = "dhms"
	for _, unit := range []byte(units) {
		if size := secondsOf(unit); seconds%size == 0 {
			return strconv.FormatInt(seconds/size, 10) + string(unit)
		}
	}
	return "" // not reached: every number is a multiple of one second
}

// secondsOf returns the seconds of a unit of time, or 0 if there is no such
// unit.
func secondsOf(unit byte) int64 {
	switch unit {
	case 's':
		return 1
	case 'm':
		return secondsPerMinute
	case 'h':
		return secondsPerHour
	case 'd':
		return secondsPerDay
	}
	return 0
}
