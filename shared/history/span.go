package history

import (
	"fmt"
	"time"

	"github.com/latchkey-api/latchkey/shared/token"
)

// A By says what each row of a report is for.
type By string

// ByHour and ByDay have a row for each model in each hour or day.
const (
	ByHour  By = "hour"
	ByDay   By = "day"
	ByModel By = "model"
	ByToken By = "token"
	ByAll   By = "all" // a row for each model of each token in each day

	ByTokenDay By = "token,day" // a row for each token in each day
)

// The longest spans, in days. A span by hour, or of up to MaxHourlyDays for one token,
// is read from hours; the others are read from days.
const (
	MaxHourlyDays = 31
	MaxTokenDays  = 1000 // for all tokens of a call together
	MaxDays       = int64(Retention / (DaySeconds * time.Second))
	defaultDays   = 30
	maxDaysAhead  = 31
)

// A Span is the Unix seconds from From up to but not including To. It has whole
// hours if it is by hour, and otherwise whole days.
type Span struct{ From, To int64 }

// NewSpan returns the span that contains the Unix seconds from up to but not
// including to, both optional, at a Unix second. Without them it is the last 30
// days, today included. The error is a *token.InvalidError.
func NewSpan(from, to *int64, by By, now int64) (Span, error) {
	unit := int64(DaySeconds)
	if by == ByHour {
		unit = HourSeconds
	}
	s := Span{To: now}
	if to != nil {
		s.To = *to
	}
	if latest := now + maxDaysAhead*DaySeconds; s.To > latest {
		return Span{}, &token.InvalidError{Field: "to", Reason: fmt.Sprintf("must be at most %d days from now", maxDaysAhead)}
	}
	s.To = (s.To + unit - 1) / unit * unit
	s.From = max(0, s.To-defaultDays*DaySeconds)
	if from != nil {
		s.From = *from
	}
	oldest := now - MaxDays*DaySeconds
	switch {
	case from != nil && to != nil && *from >= *to, s.From >= s.To:
		return Span{}, &token.InvalidError{Field: "from", Reason: "must be before to, which is not included"}
	case s.From < oldest/unit*unit:
		return Span{}, &token.InvalidError{Field: "from", Reason: fmt.Sprintf("must be at most %d days ago, because a history is kept that long", MaxDays)}
	}
	s.From = s.From / unit * unit
	if by == ByHour && s.Days() > MaxHourlyDays {
		return Span{}, &token.InvalidError{Field: "by", Reason: fmt.Sprintf("can be hour for up to %d days: ask for fewer, or for day", MaxHourlyDays)}
	}
	return s, nil
}

// Days returns the number of days that the span is long, rounded up.
func (s Span) Days() int64 { return (s.To - s.From + DaySeconds - 1) / DaySeconds }
