package period_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/shared/period"
)

// Normalize fills in defaults and writes each period in one form.
func TestNormalize(t *testing.T) {
	type (
		Period = period.Period
		Anchor = period.Anchor
	)
	all := Anchor{Hour: 0, Weekday: 1, Day: 1}
	for _, tt := range []struct {
		name     string
		in, want Period
	}{
		{"hour", Period{Length: "hour"}, Period{Length: "hour", Timezone: "UTC"}},
		{"day", Period{Length: "day", Timezone: "Europe/Berlin", Anchor: all}, Period{Length: "day", Timezone: "Europe/Berlin"}},
		{"day_at_last_hour", Period{Length: "day", Anchor: Anchor{Hour: 23}}, Period{Length: "day", Timezone: "UTC", Anchor: Anchor{Hour: 23}}},
		{"week", Period{Length: "week", Timezone: "UTC"}, Period{Length: "week", Timezone: "UTC", Anchor: Anchor{Weekday: 1}}},
		{"week_on_sunday", Period{Length: "week", Anchor: Anchor{Weekday: 7}}, Period{Length: "week", Timezone: "UTC", Anchor: Anchor{Weekday: 7}}},
		{"month", Period{Length: "month", Timezone: "US/Eastern"}, Period{Length: "month", Timezone: "US/Eastern", Anchor: Anchor{Day: 1}}},
		{"month_on_31", Period{Length: "month", Anchor: Anchor{Hour: 6, Weekday: 1, Day: 31}}, Period{Length: "month", Timezone: "UTC", Anchor: Anchor{Hour: 6, Day: 31}}},
		{"length", Period{Length: "5h", Timezone: "UTC", Anchor: all}, Period{Length: "5h"}},
		{"shortest_length", Period{Length: "60s"}, Period{Length: "1m"}},
		{"longest_length", Period{Length: "8784h"}, Period{Length: "366d"}},
		{"minutes_to_hours", Period{Length: "120m"}, Period{Length: "2h"}},
		{"hours_to_days", Period{Length: "048h"}, Period{Length: "2d"}},
		{"no_larger_unit", Period{Length: "90s"}, Period{Length: "90s"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.in.Normalize()
			if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
				t.Fatalf("got error %v and a difference (-want +got):\n%s", err, diff)
			}
			if again, err := got.Normalize(); err != nil || again != got {
				t.Errorf("the second time: got %+v, error %v, want %+v", again, err, got)
			}
		})
	}
}

// Normalize refuses what is no period, and names the field.
func TestInvalidPeriods(t *testing.T) {
	for field, periods := range map[string][]period.Period{
		"period": {
			{},
			{Length: "Day"},
			{Length: "year"},
			{Length: " 5h"},
			{Length: "5"},
			{Length: "h"},
			{Length: "5h30m"},
			{Length: "1.5h"},
			{Length: "-5h"},
			{Length: "+5h"},
			{Length: "1_0h"},
			{Length: "0x5h"},
			{Length: "5H"},
			{Length: "5w"},
			{Length: "0h"},
			{Length: "59s"},
			{Length: "367d"},
			{Length: "31622401s"},
			{Length: "4294967297m"},
			{Length: "99999999999999999999s"},
			{Length: "5h\n"},
		},
		"timezone": {
			{Length: "day", Timezone: "Local"},
			{Length: "day", Timezone: "../etc/passwd"},
			{Length: "day", Timezone: "/etc/localtime"},
			{Length: "day", Timezone: "Europe"},
			{Length: "day", Timezone: "Europe/"},
			{Length: "day", Timezone: "europe/berlin"},
			{Length: "day", Timezone: "Europe/Berlin "},
			{Length: "day", Timezone: "Europe/./Berlin"},
			{Length: "day", Timezone: "Mars/Base"},
			{Length: "hour", Timezone: "UTC+1"},
			{Length: "month", Timezone: "utc"},
			{Length: "week", Timezone: "\x00"},
			{Length: "5h", Timezone: "Europe/Berlin"},
		},
		"anchor": {
			{Length: "day", Anchor: period.Anchor{Hour: -1}},
			{Length: "day", Anchor: period.Anchor{Hour: 24}},
			{Length: "week", Anchor: period.Anchor{Weekday: -1}},
			{Length: "week", Anchor: period.Anchor{Weekday: 8}},
			{Length: "month", Anchor: period.Anchor{Day: -1}},
			{Length: "month", Anchor: period.Anchor{Day: 32}},
			{Length: "hour", Anchor: period.Anchor{Hour: 1}},
			{Length: "5h", Anchor: period.Anchor{Hour: 1}},
			{Length: "day", Anchor: period.Anchor{Weekday: 2}},
			{Length: "day", Anchor: period.Anchor{Day: 2}},
			{Length: "week", Anchor: period.Anchor{Day: 2}},
			{Length: "month", Anchor: period.Anchor{Weekday: 2}},
			{Length: "5h", Anchor: period.Anchor{Day: 2}},
		},
	} {
		for _, p := range periods {
			got, err := p.Normalize()
			var invalid *period.InvalidError
			if !errors.As(err, &invalid) || invalid.Field != field || invalid.Reason == "" || got != (period.Period{}) {
				t.Errorf("%+v: got %+v, error %v, want an *InvalidError for %q", p, got, err, field)
			}
		}
	}
}
