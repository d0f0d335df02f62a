package period_test

import (
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/shared/period"
)

// Each window has the bounds that the calendar of its time zone gives, in the
// difficult places.
func TestBounds(t *testing.T) {
	type (
		Period = period.Period
		Anchor = period.Anchor
	)
	for _, tt := range []struct {
		name            string
		in              Period
		now, start, end string
	}{
		{"utc_hour", Period{Length: "hour"}, "2026-11-26T14:59:59Z", "2026-11-26T14:00:00Z", "2026-11-26T15:00:00Z"},
		{"berlin_day", Period{Length: "day", Timezone: "Europe/Berlin"}, "2026-11-26T23:00:00Z", "2026-11-26T23:00:00Z", "2026-11-27T23:00:00Z"},
		{"berlin_day_of_23_hours", Period{Length: "day", Timezone: "Europe/Berlin"}, "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"},
		{"berlin_day_of_25_hours", Period{Length: "day", Timezone: "Europe/Berlin"}, "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"},
		{"skipped_anchor", Period{Length: "day", Timezone: "Europe/Berlin", Anchor: Anchor{Hour: 2}}, "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"},
		{"repeated_anchor", Period{Length: "day", Timezone: "Europe/Berlin", Anchor: Anchor{Hour: 2}}, "2026-10-25T00:59:59Z", "2026-10-25T00:00:00Z", "2026-10-26T01:00:00Z"},
		{"repeated_hour_first", Period{Length: "hour", Timezone: "Europe/Berlin"}, "2026-10-25T00:30:00Z", "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z"},
		{"repeated_hour_second", Period{Length: "hour", Timezone: "Europe/Berlin"}, "2026-10-25T01:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"},
		{"hour_of_kathmandu", Period{Length: "hour", Timezone: "Asia/Kathmandu"}, "2026-11-26T12:00:00Z", "2026-11-26T11:15:00Z", "2026-11-26T12:15:00Z"},
		{"hour_of_90_minutes_in_spring", Period{Length: "hour", Timezone: "Australia/Lord_Howe"}, "2026-10-03T15:45:00Z", "2026-10-03T14:30:00Z", "2026-10-03T16:00:00Z"},
		{"hour_of_90_minutes_in_autumn", Period{Length: "hour", Timezone: "Australia/Lord_Howe"}, "2026-04-04T15:15:00Z", "2026-04-04T14:00:00Z", "2026-04-04T15:30:00Z"},
		{"hour_across_the_shift_of_chatham", Period{Length: "hour", Timezone: "Pacific/Chatham"}, "2026-09-26T14:10:00Z", "2026-09-26T13:15:00Z", "2026-09-26T14:15:00Z"},
		{"midnight_passed_twice", Period{Length: "day", Timezone: "America/St_Johns"}, "2010-11-07T02:45:00Z", "2010-11-07T02:30:00Z", "2010-11-08T03:30:00Z"},
		{"midnight_skipped", Period{Length: "day", Timezone: "America/Sao_Paulo"}, "2018-11-04T03:00:00Z", "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"},
		{"before_the_day_that_apia_skipped", Period{Length: "day", Timezone: "Pacific/Apia"}, "2011-12-30T09:59:59Z", "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z"},
		{"after_the_day_that_apia_skipped", Period{Length: "day", Timezone: "Pacific/Apia"}, "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"},
		{"day_that_kwajalein_skipped", Period{Length: "day", Timezone: "Pacific/Kwajalein", Anchor: Anchor{Hour: 5}}, "1993-08-21T12:00:00Z", "1993-08-21T12:00:00Z", "1993-08-21T17:00:00Z"},
		{"month_that_begins_on_a_skipped_day", Period{Length: "month", Timezone: "Pacific/Apia", Anchor: Anchor{Day: 30}}, "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z", "2012-01-29T10:00:00Z"},
		{"week", Period{Length: "week"}, "2026-11-26T15:00:00Z", "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z"},
		{"week_on_sunday", Period{Length: "week", Anchor: Anchor{Weekday: 7, Hour: 9}}, "2026-11-29T08:59:59Z", "2026-11-22T09:00:00Z", "2026-11-29T09:00:00Z"},
		{"week_on_thursday", Period{Length: "week", Anchor: Anchor{Weekday: 4}}, "2026-11-26T00:00:00Z", "2026-11-26T00:00:00Z", "2026-12-03T00:00:00Z"},
		{"month", Period{Length: "month", Timezone: "America/New_York"}, "2026-11-26T15:00:00Z", "2026-11-01T04:00:00Z", "2026-12-01T05:00:00Z"},
		{"day_31_before_a_short_month", Period{Length: "month", Anchor: Anchor{Day: 31}}, "2026-11-29T23:59:59Z", "2026-10-31T00:00:00Z", "2026-11-30T00:00:00Z"},
		{"day_31_after_a_short_month", Period{Length: "month", Anchor: Anchor{Day: 31}}, "2026-03-30T23:59:59Z", "2026-02-28T00:00:00Z", "2026-03-31T00:00:00Z"},
		{"day_30_in_a_leap_year", Period{Length: "month", Anchor: Anchor{Day: 30}}, "2028-02-29T00:00:00Z", "2028-02-29T00:00:00Z", "2028-03-30T00:00:00Z"},
		{"day_29_in_2100", Period{Length: "month", Anchor: Anchor{Day: 29}}, "2100-02-28T00:00:00Z", "2100-02-28T00:00:00Z", "2100-03-29T00:00:00Z"},
		{"month_over_new_year", Period{Length: "month", Anchor: Anchor{Day: 15, Hour: 12}}, "2027-01-15T11:59:59Z", "2026-12-15T12:00:00Z", "2027-01-15T12:00:00Z"},
		{"shift_rules_of_the_far_future", Period{Length: "day", Timezone: "Europe/Berlin"}, "2199-07-01T12:00:00Z", "2199-06-30T22:00:00Z", "2199-07-01T22:00:00Z"},
		{"hour_at_the_end_of_a_leap_year", Period{Length: "hour", Timezone: "Europe/Berlin"}, "2028-12-31T12:30:00Z", "2028-12-31T12:00:00Z", "2028-12-31T13:00:00Z"},
		{"day_at_the_end_of_a_leap_year", Period{Length: "day", Timezone: "Europe/Berlin"}, "2028-12-31T12:30:00Z", "2028-12-30T23:00:00Z", "2028-12-31T23:00:00Z"},
		{"end_of_a_leap_year_in_summer", Period{Length: "day", Timezone: "Australia/Sydney"}, "2096-12-31T15:00:00Z", "2096-12-31T13:00:00Z", "2097-01-01T13:00:00Z"},
		{"hour_with_an_offset_in_seconds", Period{Length: "hour", Timezone: "Africa/Monrovia"}, "1971-06-01T12:00:00Z", "1971-06-01T11:44:30Z", "1971-06-01T12:44:30Z"},
		{"first_second", Period{Length: "month", Timezone: "America/New_York"}, "1970-01-01T00:00:00Z", "1969-12-01T05:00:00Z", "1970-01-01T05:00:00Z"},
		{"length_from_now_on", Period{Length: "5h"}, "2026-11-26T15:07:13Z", "2026-11-26T15:07:13Z", "2026-11-26T20:07:13Z"},
		{"unknown_length_is_the_longest", Period{Length: "fortnight"}, "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "2027-01-02T00:00:00Z"},
		{"unknown_zone_is_utc", Period{Length: "day", Timezone: "Mars/Base"}, "2026-01-01T12:00:00Z", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			start, end := tt.in.Bounds(second(t, tt.now))
			if start != second(t, tt.start) || end != second(t, tt.end) {
				t.Errorf("got %s to %s, want %s to %s", utc(start), utc(end), tt.start, tt.end)
			}
		})
	}
}

func second(t *testing.T, s string) int64 {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return at.Unix()
}

func utc(second int64) string { return time.Unix(second, 0).UTC().Format(time.RFC3339) }

func BenchmarkBounds(b *testing.B) {
	now := time.Date(2026, time.November, 26, 15, 0, 0, 0, time.UTC).Unix()
	for _, p := range []period.Period{
		{Length: "hour", Timezone: "Europe/Berlin"},
		{Length: "day", Timezone: "Europe/Berlin"},
		{Length: "month", Timezone: "Europe/Berlin"},
		{Length: "day", Timezone: "UTC"},
		{Length: "5h"},
	} {
		b.Run(p.Length+p.Timezone, func(b *testing.B) {
			for b.Loop() {
				p.Bounds(now)
			}
		})
	}
}
