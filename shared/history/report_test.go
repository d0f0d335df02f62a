package history_test

import (
	"errors"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/token"
)

const noon = 1_764_244_800 // 2025-11-27 12:00 UTC

func periods(t *rapid.T) []history.Period {
	number := rapid.Int64Range(0, 1_000)
	var all []history.Period
	for range rapid.IntRange(0, 40).Draw(t, "periods") {
		p := history.Period{
			TokenID: rapid.Int64Range(1, 5).Draw(t, "token"), Start: noon + rapid.Int64Range(-50, 50).Draw(t, "hour")*history.HourSeconds,
			Name: rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "name"), Revision: number.Draw(t, "revision"),
		}
		for range rapid.IntRange(0, 3).Draw(t, "uses") {
			u := price.Use{Model: rapid.SampledFrom([]string{"", "gpt-5", "o3"}).Draw(t, "model"), Requests: number.Draw(t, "requests"), Units: number.Draw(t, "units"), NanoDollars: number.Draw(t, "dollars")}
			for _, n := range u.Numbers() {
				*n = number.Draw(t, "number")
			}
			p.Add(u)
		}
		if rapid.Bool().Draw(t, "refused") {
			p.Refuse("quota_exhausted", number.Draw(t, "refusals"))
		}
		all = append(all, p)
	}
	return all
}

// The rows of each kind of report add up to what the periods have, however they are
// shared out among reports and in whatever order they come.
func TestRowsAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := periods(t)
		var want history.Tally
		for _, p := range all {
			want.Merge(p.Tally)
		}
		for _, by := range []history.By{history.ByHour, history.ByDay, history.ByModel, history.ByToken, history.ByTokenDay, history.ByAll} {
			pages := []*history.Report{history.NewReport(by), history.NewReport(by)}
			for _, p := range rapid.Permutation(all).Draw(t, "order") {
				rapid.SampledFrom(pages).Draw(t, "page").Add(p)
			}
			var got history.Tally
			var total, totals price.Use
			for _, page := range pages {
				for _, row := range page.Rows() {
					total = total.Plus(row.Use)
					if by != history.ByToken && by != history.ByTokenDay {
						got.Add(row.Use)
					}
				}
				totals = totals.Plus(page.Total)
				for reason, n := range page.Refusals {
					got.Refuse(reason, n)
				}
			}
			total.Model = ""
			if total != want.Total() || totals != want.Total() {
				t.Fatalf("by %s: got %+v and %+v, want %+v", by, total, totals, want.Total())
			}
			if by != history.ByToken && by != history.ByTokenDay && !maps.Equal(got.Models, want.Models) || !maps.Equal(got.Refusals, want.Refusals) {
				t.Fatalf("by %s: got %+v, want %+v", by, got, want)
			}
		}
	})
}

// TestReport: rows begin with the hour or day that they are for, and a token has the
// name that it had last.
func TestReport(t *testing.T) {
	hour := func(start, tokenID int64, name string, models ...string) history.Period {
		p := history.Period{Start: start, TokenID: tokenID, Name: name}
		for _, model := range models {
			p.Add(price.Use{Model: model, Requests: 1, Units: 10})
		}
		return p
	}
	all := []history.Period{hour(noon+history.DaySeconds, 1, "new", "a"), hour(noon, 1, "old", "b", "a"), hour(noon, 2, "other", "a"), hour(noon+history.HourSeconds, 2, "", "a")}
	const midnight = noon - 12*history.HourSeconds
	row := func(start, tokenID int64, name, model string, requests int64) history.Row {
		return history.Row{Start: start, TokenID: tokenID, Name: name, Use: price.Use{Model: model, Requests: requests, Units: 10 * requests}}
	}
	for by, want := range map[history.By][]history.Row{
		history.ByHour:  {row(noon, 0, "", "a", 2), row(noon, 0, "", "b", 1), row(noon+history.HourSeconds, 0, "", "a", 1), row(noon+history.DaySeconds, 0, "", "a", 1)},
		history.ByDay:   {row(midnight, 0, "", "a", 3), row(midnight, 0, "", "b", 1), row(midnight+history.DaySeconds, 0, "", "a", 1)},
		history.ByModel: {row(0, 0, "", "a", 4), row(0, 0, "", "b", 1)},
		history.ByToken: {row(0, 2, "other", "", 2), row(0, 1, "new", "", 3)},
		history.ByAll:   {row(midnight, 2, "other", "a", 2), row(midnight, 1, "old", "a", 1), row(midnight, 1, "old", "b", 1), row(midnight+history.DaySeconds, 1, "new", "a", 1)},
	} {
		r := history.NewReport(by)
		for _, p := range all {
			r.Add(p)
		}
		if diff := cmp.Diff(want, r.Rows(), cmpopts.IgnoreUnexported(history.Row{})); diff != "" {
			t.Errorf("by %s (-want +got):\n%s", by, diff)
		}
	}
}

// A report has at most MaxRows rows of models, and what is beyond them counts.
func TestManyModels(t *testing.T) {
	r := history.NewReport(history.ByHour)
	for i := range int64(2 * history.MaxRows / history.MaxModels) {
		p := history.Period{Start: i * history.HourSeconds}
		for model := range history.MaxModels {
			p.Add(price.Use{Model: string(rune('A' + model)), Units: 1})
		}
		r.Add(p)
	}
	var sum int64
	for _, row := range r.Rows() {
		sum += row.Units
	}
	if n := int64(len(r.Rows())); sum != 2*history.MaxRows || r.Total.Units != sum || n < history.MaxRows || n > history.MaxRows+2*history.MaxRows/history.MaxModels {
		t.Errorf("got %d units in %d rows, want %d units in %d rows and one more for each hour", sum, n, 2*history.MaxRows, history.MaxRows)
	}
}

func TestNewSpan(t *testing.T) {
	const day, midnight, now int64 = history.DaySeconds, noon - 12*history.HourSeconds, noon + 90
	for name, tt := range map[string]struct {
		from, to *int64
		by       history.By
		want     history.Span
		field    string // of the error
	}{
		"default":         {nil, nil, history.ByDay, history.Span{From: midnight - 29*day, To: midnight + day}, ""},
		"default_by_hour": {nil, nil, history.ByHour, history.Span{From: noon + 3600 - 30*day, To: noon + 3600}, ""},
		"whole_days":      {new(midnight - day + 1), new(midnight + 1), history.ByModel, history.Span{From: midnight - day, To: midnight + day}, ""},
		"to_is_excluded":  {new(midnight - day), new(midnight), history.ByToken, history.Span{From: midnight - day, To: midnight}, ""},
		"only_to":         {nil, new(midnight), history.ByDay, history.Span{From: midnight - 30*day, To: midnight}, ""},
		"31_days_by_hour": {new(midnight - 30*day), new(midnight + day), history.ByHour, history.Span{From: midnight - 30*day, To: midnight + day}, ""},
		"32_days_by_hour": {new(midnight - 31*day), new(midnight + day), history.ByHour, history.Span{}, "by"},
		"400_days":        {new(now - 400*day), nil, history.ByDay, history.Span{From: midnight - 400*day, To: midnight + day}, ""},
		"401_days":        {new(now - 401*day), nil, history.ByDay, history.Span{}, "from"},
		"only_an_old_to":  {nil, new(now - 380*day), history.ByDay, history.Span{}, "from"},
		"same_time":       {new(int64(noon)), new(int64(noon)), history.ByDay, history.Span{}, "from"},
		"from_after_now":  {new(midnight + 2*day), nil, history.ByDay, history.Span{}, "from"},
		"far_to":          {nil, new(now + 32*day), history.ByDay, history.Span{}, "to"},
		"largest_to":      {nil, new(int64(1<<63 - 1)), history.ByDay, history.Span{}, "to"},
		"largest_from":    {new(int64(1<<63 - 1)), nil, history.ByDay, history.Span{}, "from"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := history.NewSpan(tt.from, tt.to, tt.by, now)
			var invalid *token.InvalidError
			if errors.As(err, &invalid) != (tt.field != "") || tt.field != "" && invalid.Field != tt.field || got != tt.want {
				t.Errorf("got %+v, %v, want %+v, an error about %q", got, err, tt.want, tt.field)
			}
		})
	}
}
