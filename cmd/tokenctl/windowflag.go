package main

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// none is the value of a flag that removes all windows or all model quotas.
const none = "none"

// A windowFlag is a window given on the command line, such as
// day=100000,timezone=Europe/Berlin,hour=6, in canonical form. Its zero value
// is none.
type windowFlag struct{ token.Window }

// UnmarshalText parses a period and its units, followed by the time zone and the
// anchor, or the word none.
func (w *windowFlag) UnmarshalText(text []byte) error {
	*w = windowFlag{}
	if string(text) == none {
		return nil
	}
	first, settings, more := strings.Cut(string(text), ",")
	length, quota, found := strings.Cut(first, "=")
	if !found {
		return problemf("%q is not a window: use PERIOD=UNITS, such as day=100000, 5h=20000 or month=2000000,timezone=Europe/Berlin,day=15, or none to remove all windows", text)
	}
	var err error
	if w.Quota, err = strconv.ParseInt(quota, 10, 64); err != nil || w.Quota < 1 || w.Quota > token.MaxInteger {
		return problemf("%q is not the quota of a window: use a number of units from 1 to %d, such as %s=100000", quota, int64(token.MaxInteger), length)
	}
	var all []string
	if more {
		all = strings.Split(settings, ",")
	}
	w.Period, err = newPeriod(length, all)
	return err
}

// newPeriod returns a period in canonical form, with settings such as
// timezone=Europe/Berlin.
func newPeriod(length string, settings []string) (period.Period, error) {
	p, err := period.Period{Length: length}.Normalize()
	if err == nil {
		err = setWindow(&p, settings)
	}
	if err == nil {
		p, err = p.Normalize()
	}
	var invalid *period.InvalidError
	if errors.As(err, &invalid) {
		return p, problemf("%s", strings.TrimPrefix(invalid.Error(), "anchor "))
	}
	return p, err
}

// setWindow applies settings such as timezone=Europe/Berlin to a period.
func setWindow(p *period.Period, settings []string) error {
	given := []string{}
	for _, setting := range settings {
		name, value, found := strings.Cut(setting, "=")
		if !found || slices.Contains(given, name) {
			return problemf("%q can't follow the units of a window: add each of timezone, hour, weekday and day once, such as timezone=Europe/Berlin", setting)
		}
		given = append(given, name)
		var err error
		switch {
		case name == "weekday" && p.Length != period.Week, name == "day" && p.Length != period.Month:
			err = problemf("%q does not fit %s: weekday is for week, and day is for month", setting, p.Length)
		case name == "timezone":
			p.Timezone = value
		case name == "hour":
			p.Anchor.Hour, err = anchorNumber(setting, value, 0, 23)
		case name == "weekday":
			p.Anchor.Weekday = slices.Index(weekdays(), strings.ToLower(value)) + 1
			if p.Anchor.Weekday == 0 {
				err = problemf("%q is not a weekday: use %s", value, strings.Join(weekdays(), ", "))
			}
		case name == "day":
			p.Anchor.Day, err = anchorNumber(setting, value, 1, 31)
		default:
			err = problemf("%q is not a setting of a window: use timezone, hour, weekday or day, and another --window for another window", name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func anchorNumber(setting, value string, least, most int) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < least || n > most {
		return 0, problemf("%q must have a number from %d to %d", setting, least, most)
	}
	return n, nil
}

// weekdays returns the names of the weekdays 1 to 7.
func weekdays() []string {
	return []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}
}

// windowsOf returns the windows that a repeated flag, such as --window, gives: nil
// without one, and an empty list for none.
func windowsOf(name string, flags []windowFlag) ([]token.Window, error) {
	if flags == nil {
		return nil, nil
	}
	windows := []token.Window{}
	for _, f := range flags {
		switch {
		case f == windowFlag{} && len(flags) > 1:
			return nil, problemf("%s none can't be used with other windows: the windows that you give replace the present ones", name)
		case f == windowFlag{}:
			return windows, nil
		case slices.ContainsFunc(windows, func(other token.Window) bool { return other.Period == f.Period }):
			return nil, problemf("%s %s is given twice with the same time zone and anchor: use it once, with the smaller quota", name, f.Length)
		}
		windows = append(windows, f.Window)
	}
	if len(windows) > token.MaxWindows {
		return nil, problemf("a token can have at most %d windows: use %s up to %d times", token.MaxWindows, name, token.MaxWindows)
	}
	return windows, nil
}

// windowInputs returns windows as a request sends them; nil stays nil.
func windowInputs(windows []token.Window) []wire.WindowInput {
	if windows == nil {
		return nil
	}
	inputs := make([]wire.WindowInput, len(windows))
	for i, w := range windows {
		inputs[i] = wire.WindowInput{Period: &w.Length, Quota: &w.Quota}
		if w.Timezone != "" {
			inputs[i].Timezone = &w.Timezone
		}
		if w.Anchor != (period.Anchor{}) {
			inputs[i].Anchor = &wire.AnchorInput{Hour: new(int64(w.Anchor.Hour)), Weekday: positive(w.Anchor.Weekday), Day: positive(w.Anchor.Day)}
		}
	}
	return inputs
}

// positive returns nil for 0, which a request leaves out.
func positive(n int) *int64 {
	if n == 0 {
		return nil
	}
	return new(int64(n))
}
