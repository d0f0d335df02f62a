package period_test

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/latchkey-api/latchkey/shared/period"
)

// Windows tile time: for every period, time zone and second from 1970 to 2200,
// the window contains the second, every second in it has the same window, and
// the windows before and after it begin and end where it does.
func TestWindowsTile(t *testing.T) {
	zones := slices.Sorted(maps.Keys(period.Zones()))
	rapid.Check(t, func(t *rapid.T) {
		p := drawCalendar(t, zones)
		now := drawSecond(t, period.Zones()[p.Timezone])
		start, end := p.Bounds(now)
		if now < start || end <= now {
			t.Fatalf("%+v at %s: got %s to %s, want a window that contains it", p, utc(now), utc(start), utc(end))
		}
		checkTiles(t, p, start, end, rapid.Int64Range(start, end-1).Draw(t, "inside"))
		shortest, longest := lengths(p)
		if length := end - start; length < shortest || length > longest {
			t.Errorf("%+v at %s: got a window of %d s, want %d to %d", p, utc(now), length, shortest, longest)
		}
		checkAnchor(t, p, start)
	})
}

type fataler interface{ Fatalf(string, ...any) }

// checkTiles checks the window against those of a second in it and of the
// seconds before and after it.
func checkTiles(t fataler, p period.Period, start, end, inside int64) {
	for _, now := range []int64{start, inside, end - 1} {
		if now < 0 {
			continue // before 1970
		}
		if s, e := p.Bounds(now); s != start || e != end {
			t.Fatalf("%+v at %s: got %s to %s, want %s to %s", p, utc(now), utc(s), utc(e), utc(start), utc(end))
		}
	}
	if s, e := p.Bounds(end); s != end || e <= end {
		t.Fatalf("%+v: the window after %s is %s to %s", p, utc(end), utc(s), utc(e))
	}
	if start > 0 {
		if s, e := p.Bounds(start - 1); s >= start || e != start {
			t.Fatalf("%+v: the window before %s is %s to %s", p, utc(start), utc(s), utc(e))
		}
	}
}

// lengths returns how short and how long a window can be, in seconds. An hour is
// short or long where the offset changes by a part of an hour. Other windows
// are where it changes by up to a day.
func lengths(p period.Period) (shortest, longest int64) {
	const minute, hour, day = 60, 3600, 24 * 3600
	switch p.Length {
	case period.Hour:
		return minute, 2*hour - 1
	case period.Day:
		return minute, 2 * day
	case period.Week:
		return 6 * day, 8 * day
	}
	return 27 * day, 32 * day
}

// checkAnchor checks that the clock shows the anchor at the start of a window,
// or skipped it there.
func checkAnchor(t *rapid.T, p period.Period, start int64) {
	zone := period.Zones()[p.Timezone]
	before, at := wall(start-1, zone), wall(start, zone)
	if p.Length == period.Hour {
		if at.Minute() != 0 || at.Second() != 0 {
			t.Errorf("%+v: an hour begins when the clock shows %s", p, at)
		}
		return
	}
	// Every day from the one that ended to the one that begins.
	for day := before.Truncate(24 * time.Hour); !day.After(at); day = day.Add(24 * time.Hour) {
		anchor := day.Add(time.Duration(p.Anchor.Hour) * time.Hour)
		fits := p.Length == period.Day ||
			p.Length == period.Week && (int(day.Weekday())+6)%7+1 == max(p.Anchor.Weekday, 1) ||
			p.Length == period.Month && (day.Day() == max(p.Anchor.Day, 1) || day.Day() < p.Anchor.Day && day.Add(24*time.Hour).Day() == 1)
		if fits && before.Before(anchor) && !at.Before(anchor) {
			return
		}
	}
	t.Errorf("%+v: a window begins between %s and %s, where no anchor is", p, before, at)
}

// wall returns what the clock of a zone shows, as a time in UTC.
func wall(second int64, zone *time.Location) time.Time {
	at := time.Unix(second, 0)
	return at.UTC().Add(time.Duration(offset(at, zone)) * time.Second)
}

func drawCalendar(t *rapid.T, zones []string) period.Period {
	p := period.Period{
		Length:   rapid.SampledFrom([]string{period.Hour, period.Day, period.Week, period.Month}).Draw(t, "length"),
		Timezone: rapid.SampledFrom(zones).Draw(t, "zone"),
	}
	if p.Length != period.Hour {
		p.Anchor.Hour = rapid.IntRange(0, 23).Draw(t, "hour")
	}
	switch p.Length {
	case period.Week:
		p.Anchor.Weekday = rapid.IntRange(0, 7).Draw(t, "weekday")
	case period.Month:
		p.Anchor.Day = rapid.IntRange(0, 31).Draw(t, "day")
	}
	return p
}

// drawSecond returns a second from 1970 to 2200: any, or one near the end of a
// year or near a shift of the zone's clock.
func drawSecond(t *rapid.T, zone *time.Location) int64 {
	last := time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	second := rapid.Int64Range(0, last).Draw(t, "second")
	near := rapid.Int64Range(-48*3600, 48*3600).Draw(t, "near")
	switch rapid.SampledFrom([]string{"any", "year", "shift"}).Draw(t, "where") {
	case "year":
		second = time.Date(time.Unix(second, 0).UTC().Year(), 12, 31, 12, 0, 0, 0, time.UTC).Unix() + near
	case "shift":
		if _, end := time.Unix(second, 0).In(zone).ZoneBounds(); !end.IsZero() {
			second = end.Unix() + near
		}
	}
	return min(max(second, 0), last)
}

// Normalize accepts every valid period, and changes none of its windows.
func TestNormalizeKeepsWindows(t *testing.T) {
	zones := append(slices.Sorted(maps.Keys(period.Zones())), "")
	rapid.Check(t, func(t *rapid.T) {
		p := drawCalendar(t, zones)
		if rapid.Bool().Draw(t, "fixed") {
			unit := rapid.SampledFrom([]string{"s", "m", "h", "d"}).Draw(t, "unit")
			seconds := map[string]int{"s": 1, "m": 60, "h": 3600, "d": 86400}[unit]
			n := rapid.IntRange((60+seconds-1)/seconds, 366*86400/seconds).Draw(t, "number")
			p = period.Period{Length: strconv.Itoa(n) + unit}
			if start, end := p.Bounds(1); start != 1 || end != 1+int64(n*seconds) {
				t.Fatalf("%s: got %d to %d, want a window of %d s from 1 on", p.Length, start, end, n*seconds)
			}
		}
		normal, err := p.Normalize()
		if err != nil {
			t.Fatalf("%+v: got error %v, want none", p, err)
		}
		if again, err := normal.Normalize(); err != nil || again != normal {
			t.Fatalf("%+v: got %+v, error %v, want no change", normal, again, err)
		}
		now := rapid.Int64Range(0, 1<<33).Draw(t, "now")
		start, end := p.Bounds(now)
		if s, e := normal.Bounds(now); s != start || e != end {
			t.Fatalf("%+v at %d: got %d to %d, want %d to %d, as before Normalize", normal, now, s, e, start, end)
		}
	})
}

// For any input, Normalize returns a period with a tiling of time, or names the
// field that is wrong. Bounds returns a window even for what Normalize refuses.
func FuzzPeriod(f *testing.F) {
	f.Add("day", "Europe/Berlin", 2, 0, 0, int64(1774746000))
	f.Add("week", "Pacific/Apia", 0, 7, 0, int64(1325239200))
	f.Add("month", "", 23, 1, 31, int64(1<<62))
	f.Add("hour", "Australia/Lord_Howe", 0, 1, 1, int64(-1))
	f.Add("90s", "UTC", 0, 0, 0, int64(0))
	f.Add("month", "Local", -1, -1, -1<<63, int64(-1<<63))
	f.Fuzz(func(t *testing.T, length, zone string, hour, weekday, day int, now int64) {
		p := period.Period{Length: length, Timezone: zone, Anchor: period.Anchor{Hour: hour, Weekday: weekday, Day: day}}
		normal, err := p.Normalize()
		if err != nil {
			var invalid *period.InvalidError
			if !errors.As(err, &invalid) || !slices.Contains([]string{"period", "timezone", "anchor"}, invalid.Field) {
				t.Fatalf("got error %v, want an *InvalidError with a field", err)
			}
			if start, end := p.Bounds(now); start >= end {
				t.Fatalf("got %d to %d, want a window", start, end)
			}
			return
		}
		now = min(max(now, 0), 253402300799)
		start, end := normal.Bounds(now)
		if now < start || end <= now {
			t.Fatalf("got %d to %d, want a window that contains %d", start, end, now)
		}
		if normal.IsCalendar() && end < 253402300799 {
			checkTiles(t, normal, start, end, start+(end-start)/2)
		}
		if !normal.IsCalendar() && (start != now || end-start < 60 || end-start > 366*24*3600) {
			t.Fatalf("got %d to %d, want one minute to 366 days from %d on", start, end, now)
		}
	})
}
