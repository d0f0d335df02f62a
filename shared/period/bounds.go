package period

import "time"

// maxNow is the last second of the year 9999.
const maxNow = 253402300799

// Bounds returns the window that contains a Unix second: start <= now < end.
// For a fixed length it is the window that begins now: now, now + length.
//
// An hour window begins whenever the clock shows a full hour, so it has 60
// minutes unless the clock is shifted by a part of an hour: on Lord Howe
// Island, two hours a year have 90. A day has 23 or 25 hours where the clock is
// shifted by one.
//
// The period must be one that Normalize accepts. So that a window always ends,
// an unknown time zone counts as UTC and an unknown length as 366 days. A now
// before 1970 counts as 1970, and one after 9999 as the end of 9999.
func (p Period) Bounds(now int64) (start, end int64) {
	now = min(max(now, 0), maxNow)
	if !p.IsCalendar() {
		length, ok := parseLength(p.Length)
		if !ok {
			length = maxSeconds
		}
		return now, now + length
	}
	c := clock{location(p.Timezone)}
	if c.zone == nil {
		c.zone = time.UTC
	}
	if p.Length == Hour {
		return c.hour(now)
	}
	anchor, i := p.anchors(c.shows(now))
	start, end = c.first(anchor(i)), c.first(anchor(i+1))
	// A clock that was set back shows an earlier time than the anchor that it
	// has passed. Two anchors that are skipped together are one instant.
	for end <= now {
		i++
		start, end = end, c.first(anchor(i+1))
	}
	return start, end
}

// anchors returns the function from the number of a day, week or month to the
// wall time of its anchor, and the number of the last anchor that is not after
// the wall time.
func (p Period) anchors(wall int64) (anchor func(int64) int64, last int64) {
	days, first := int64(1), int64(0)
	switch p.Length {
	case Month:
		// Month i is month i+1 of the year 0: time.Date carries into the year.
		anchor = func(i int64) int64 {
			lastDay := time.Date(0, time.Month(i+2), 0, 0, 0, 0, 0, time.UTC).Day()
			day := min(max(p.Anchor.Day, 1), lastDay)
			return time.Date(0, time.Month(i+1), day, p.Anchor.Hour, 0, 0, 0, time.UTC).Unix()
		}
		year, month, _ := time.Unix(wall, 0).UTC().Date()
		last = int64(year)*12 + int64(month) - 1
		if anchor(last) > wall {
			last--
		}
		return anchor, last
	case Week:
		const thursday = 4 // 1970-01-01
		days, first = 7, int64(max(p.Anchor.Weekday, 1)-thursday)
	}
	anchor = func(i int64) int64 { return (i*days+first)*secondsPerDay + int64(p.Anchor.Hour)*secondsPerHour }
	return anchor, floorDiv(wall-anchor(0), days*secondsPerDay)
}

// A clock is a clock on the wall in a time zone. What it shows is a wall time:
// the Unix second at which a clock in UTC shows the same.
type clock struct{ zone *time.Location }

// at returns the offset of the clock from UTC at a Unix second, in seconds, and
// a later second up to which the offset certainly is the same.
func (c clock) at(second int64) (offset, until int64) {
	t := time.Unix(second, 0).In(c.zone)
	_, seconds := t.Zone()
	_, end := t.ZoneBounds()
	switch {
	case end.IsZero():
		until = 2 * maxNow
	case end.Unix() <= second:
		// After the last transition that it has a list of, Go lets a zone end
		// with the year, and counts 365 days for a leap year too.
		until = second - floorMod(second, secondsPerDay) + secondsPerDay
	default:
		until = end.Unix()
	}
	return int64(seconds), until
}

// shows returns the wall time of a Unix second.
func (c clock) shows(second int64) int64 {
	offset, _ := c.at(second)
	return second + offset
}

// first returns the first Unix second at which the clock shows the wall time or
// a later one.
func (c clock) first(wall int64) int64 {
	second := wall - secondsPerDay // No clock is a day ahead of UTC.
	for {
		offset, until := c.at(second)
		if second+offset >= wall {
			return second // The clock skipped the wall time, or shows it now.
		}
		if wall-offset < until {
			return wall - offset
		}
		second = until
	}
}

// hour returns the window that contains now. A shift of the clock keeps two full
// hours less than two hours apart.
func (c clock) hour(now int64) (start, end int64) {
	start = c.fullHour(now - 2*secondsPerHour)
	end = c.fullHour(start + 1)
	for end <= now {
		start, end = end, c.fullHour(end+1)
	}
	return start, end
}

// fullHour returns the first Unix second from second on at which the clock shows
// minute 0 and second 0.
func (c clock) fullHour(second int64) int64 {
	for {
		offset, until := c.at(second)
		if full := second + floorMod(-(second+offset), secondsPerHour); full < until {
			return full
		}
		second = until
	}
}

// floorDiv returns a/b, rounded down.
func floorDiv(a, b int64) int64 { return (a - floorMod(a, b)) / b }

// floorMod returns a - b*floorDiv(a, b), which is at least 0 for b > 0.
func floorMod(a, b int64) int64 { return (a%b + b) % b }
