package period_test

import (
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/shared/period"
)

// For 20 years in each of these time zones, every window is the one that a
// person finds who looks at the clock all the time.
func TestNaiveCalendar(t *testing.T) {
	for zone, year := range map[string]int{
		"UTC":                  2008,
		"Europe/Berlin":        2008,
		"America/New_York":     2008,
		"America/Sao_Paulo":    2008, // skipped midnights until 2018
		"America/St_Johns":     2000, // shifted its clock at 00:01 until 2011
		"Australia/Lord_Howe":  2008, // half an hour
		"Asia/Kathmandu":       2008, // UTC+5:45
		"Asia/Kolkata":         2008, // UTC+5:30
		"Pacific/Apia":         2008, // skipped 2011-12-30
		"Pacific/Kwajalein":    1985, // skipped 1993-08-21
		"Pacific/Chatham":      2008, // shifts its clock at 02:45
		"Africa/Casablanca":    2008, // shifts its clock for Ramadan
		"Antarctica/Troll":     2008, // shifts its clock by two hours
		"Asia/Pyongyang":       2008, // changed to UTC+8:30 and back
		"Antarctica/Macquarie": 2190, // rules of the far future
	} {
		t.Run(zone, func(t *testing.T) {
			t.Parallel()
			checkYears(t, zone, year, year+20)
		})
	}
}

// anchored returns periods with each kind of anchor.
func anchored(zone string) []period.Period {
	all := []period.Period{{Length: period.Hour, Timezone: zone}}
	for _, hour := range []int{0, 1, 2, 3, 23} {
		all = append(all, period.Period{Length: period.Day, Timezone: zone, Anchor: period.Anchor{Hour: hour}})
	}
	for weekday := 1; weekday <= 7; weekday++ {
		all = append(all, period.Period{Length: period.Week, Timezone: zone, Anchor: period.Anchor{Weekday: weekday, Hour: weekday % 4}})
	}
	for _, day := range []int{1, 15, 28, 29, 30, 31} {
		all = append(all, period.Period{Length: period.Month, Timezone: zone, Anchor: period.Anchor{Day: day, Hour: day % 4}})
	}
	return all
}

func checkYears(t *testing.T, zone string, from, to int) {
	t.Helper()
	location := period.Zones()[zone]
	begin, end := time.Date(from, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(to, 1, 1, 0, 0, 0, 0, time.UTC)
	var watches []*watch
	for _, p := range anchored(zone) {
		watches = append(watches, &watch{t: t, period: p, since: -1})
	}
	for day := begin; day.Before(end); day = day.Add(24 * time.Hour) {
		// Minute by minute where the clock is shifted. On other days it shows
		// full hours only at multiples of 15 minutes.
		step := 15 * time.Minute
		if offset(day, location) != offset(day.Add(24*time.Hour), location) {
			step = time.Minute
		}
		for at := day; at.Before(day.Add(24 * time.Hour)); at = at.Add(step) {
			shown := shownAt(at, location)
			for _, w := range watches {
				w.look(at.Unix(), shown)
			}
		}
	}
	for _, w := range watches {
		if w.windows < 200 {
			t.Errorf("%+v: got %d windows in %d years, want more", w.period, w.windows, to-from)
		}
	}
}

func offset(at time.Time, location *time.Location) int {
	_, seconds := at.In(location).Zone()
	return seconds
}

// A shown is what clock and calendar on the wall show.
type shown struct{ year, month, day, hour, minute int }

func shownAt(at time.Time, location *time.Location) shown {
	local := at.Add(time.Duration(offset(at, location)) * time.Second) // in UTC
	year, month, day := local.Date()
	hour, minute, _ := local.Clock()
	return shown{year, int(month), day, hour, minute}
}

// before compares two readings of the clock.
func (s shown) before(other shown) bool { return s.number() < other.number() }

func (s shown) number() int { return (((s.year*100+s.month)*100+s.day)*100+s.hour)*100 + s.minute }

// A watch waits for the next anchor of a period, and compares each window with
// Bounds when it has ended.
type watch struct {
	t       *testing.T
	period  period.Period
	next    shown // the anchor that ends the window
	since   int64 // the start of the window, or -1 before the first anchor
	windows int
}

func (w *watch) look(second int64, now shown) {
	if w.period.Length == period.Hour {
		if now.minute == 0 {
			w.change(second)
		}
		return
	}
	if w.next == (shown{}) {
		w.next = w.after(now)
	}
	if !now.before(w.next) {
		w.change(second)
		w.next = w.after(now)
	}
}

// change ends the window.
func (w *watch) change(second int64) {
	if w.since >= 0 {
		w.windows++
		for _, now := range []int64{w.since, second - 1} {
			if start, end := w.period.Bounds(now); start != w.since || end != second {
				w.t.Fatalf("%+v at %s: got %s to %s, want %s to %s", w.period, utc(now), utc(start), utc(end), utc(w.since), utc(second))
			}
		}
	}
	w.since = second
}

// after returns the first anchor after what the clock shows, trying day after
// day.
func (w *watch) after(now shown) shown {
	for day := (shown{now.year, now.month, now.day, w.period.Anchor.Hour, 0}); ; day = day.tomorrow() {
		if now.before(day) && w.isAnchor(day) {
			return day
		}
	}
}

func (w *watch) isAnchor(s shown) bool {
	a := w.period.Anchor
	switch w.period.Length {
	case period.Week:
		return s.weekday() == a.Weekday
	case period.Month:
		return s.day == a.Day || s.day < a.Day && s.tomorrow().day == 1
	}
	return true
}

func (s shown) tomorrow() shown {
	days := []int{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}
	if s.year%4 == 0 && (s.year%100 != 0 || s.year%400 == 0) {
		days[1] = 29
	}
	s.day++
	if s.day > days[s.month-1] {
		s.day, s.month = 1, s.month+1
	}
	if s.month > 12 {
		s.month, s.year = 1, s.year+1
	}
	return s
}

// weekday returns 1 for Monday to 7 for Sunday, by Sakamoto's method.
func (s shown) weekday() int {
	shift := []int{0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4}[s.month-1]
	year := s.year
	if s.month < 3 {
		year--
	}
	sunday0 := (year + year/4 - year/100 + year/400 + shift + s.day) % 7
	return (sunday0+6)%7 + 1
}
