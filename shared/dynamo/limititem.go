package dynamo

import (
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// The attributes of a TOKEN item with limits beside its lifetime quota, or with
// a raise of that. Without them they are all absent.
const (
	attrLimited           = "limited"   // exists if there is any of them
	attrWindows           = "windows"   // a list of maps
	attrModelQuotas       = "modelq"    // a list of maps
	attrMeters            = "meters"    // what is left in each meter, by its number
	attrLastMeter         = "lastmeter" // the highest number of a meter so far
	attrRequestsPerMinute = "rpm"
	attrUnitsPerMinute    = "upm"
	attrMaxConcurrent     = "conc"
	attrRequestTAT        = "rtat"
	attrUnitTAT           = "utat"
	attrUnitRateSince     = "usince" // only if an update added the rate
	attrRaise             = "extra"  // a map; the raise of the lifetime quota

	// In a window or a model quota.
	limitLength   = "p"
	limitTimezone = "z"
	limitHour     = "h"
	limitWeekday  = "w"
	limitDay      = "d"
	limitModel    = "m"
	limitQuota    = "q"
	limitNumber   = "n" // of the meter; absent before the first use
	limitEndsAt   = "e"
	limitRaise    = "x" // of a window: a map

	// In a raise.
	raiseUnits = "q"
	raiseUntil = "e"

	// In a record of a hold.
	recordMeters  = "m" // the numbers of the meters
	recordPerUnit = "p"
	recordMadeAt  = "g"
)

// limitItem has every attribute of a token's limits. A nil value means that the
// attribute is left out.
func limitItem(t token.Token) item {
	var windows, models []types.AttributeValue
	meters := item{}
	entry := func(m token.Meter, units int64, rest item) types.AttributeValue {
		it := item{limitQuota: number(units)}
		if m.Number != 0 {
			it[limitNumber] = number(m.Number)
			meters[meterName(m.Number)] = number(m.Left)
		}
		rest[limitEndsAt] = optionalNumber(m.EndsAt)
		setPresent(it, rest)
		return mapOf(it)
	}
	for _, w := range t.Windows {
		limit := periodItem(w.Period)
		limit[limitRaise] = raiseValue(w.Raise)
		windows = append(windows, entry(w.Meter, w.Quota, limit))
	}
	for _, q := range t.ModelQuotas {
		models = append(models, entry(q.Meter, q.Quota, item{limitModel: text(q.Model)}))
	}
	if t.UsesWallet && t.Block.Number != 0 {
		meters[meterName(t.Block.Number)] = number(t.Block.Left)
	}
	it := item{
		attrLimited: optionalFlag(t.Limited()), attrWindows: optionalValues(windows), attrModelQuotas: optionalValues(models),
		attrMeters:            optionalMap(meters),
		attrRaise:             raiseValue(t.Raise),
		attrRequestsPerMinute: optionalNumber(t.RequestsPerMinute), attrUnitsPerMinute: optionalNumber(t.UnitsPerMinute),
		attrMaxConcurrent: optionalNumber(t.MaxConcurrent), attrRequestTAT: optionalNumber(t.RequestTAT), attrUnitTAT: optionalNumber(t.UnitTAT),
		attrUnitRateSince: optionalNumber(t.UnitRateSince),
		attrWallet:        nil, attrWalletOrder: optionalNumber(t.WalletOrder),
	}
	if t.UsesWallet {
		it[attrWallet] = blockValue(t.Block)
	}
	return it
}

// readLimits reads the limits of a token.
func readLimits(r *reader, t *token.Token) {
	meters := r.nested(attrMeters)
	meter := func(m *reader) token.Meter {
		n := m.number(limitNumber)
		if n == 0 {
			return token.Meter{}
		}
		return token.Meter{Number: n, Left: meters.number(meterName(n)), EndsAt: m.number(limitEndsAt)}
	}
	for _, m := range r.maps(attrWindows) {
		t.Windows = append(t.Windows, token.Window{Period: readPeriod(m), Quota: m.number(limitQuota), Raise: m.raise(limitRaise), Meter: meter(m)})
		r.merge(m)
	}
	for _, m := range r.maps(attrModelQuotas) {
		t.ModelQuotas = append(t.ModelQuotas, token.ModelQuota{Model: m.text(limitModel), Quota: m.number(limitQuota), Meter: meter(m)})
		r.merge(m)
	}
	readBlock(r, meters, t)
	r.merge(meters)
	t.Raise = r.raise(attrRaise)
	t.Rates = token.Rates{
		RequestsPerMinute: r.number(attrRequestsPerMinute), UnitsPerMinute: r.number(attrUnitsPerMinute), MaxConcurrent: r.number(attrMaxConcurrent),
	}
	t.RequestTAT, t.UnitTAT, t.UnitRateSince = r.number(attrRequestTAT), r.number(attrUnitTAT), r.number(attrUnitRateSince)
}

// raiseValue is nil if nothing is raised.
func raiseValue(r token.Raise) types.AttributeValue {
	if r == (token.Raise{}) {
		return nil
	}
	return mapOf(item{raiseUnits: number(r.Units), raiseUntil: number(r.Until)})
}

func (r *reader) raise(name string) token.Raise {
	m := r.nested(name)
	raise := token.Raise{Units: m.number(raiseUnits), Until: m.number(raiseUntil)}
	r.merge(m)
	return raise
}

func meterName(n int64) string { return strconv.FormatInt(n, 10) }

// meterNumbers is the list of a hold's meters in its record.
func meterNumbers(all []int64) types.AttributeValue {
	var values []types.AttributeValue
	for _, n := range all {
		values = append(values, number(n))
	}
	return optionalValues(values)
}

// setHoldLimits adds to a record what its hold counts in.
func setHoldLimits(m item, r quota.Record) {
	setPresent(m, item{
		recordMeters: meterNumbers(r.Meters), recordPerUnit: optionalNumber(r.PerUnit), recordMadeAt: optionalNumber(r.MadeAt),
	})
}

func readHoldLimits(m *reader, r *quota.Record) {
	r.Meters, r.PerUnit, r.MadeAt = m.numbers(recordMeters), m.number(recordPerUnit), m.number(recordMadeAt)
}

// meterOf returns the path of a meter in an expression.
func meterOf(e *expression, n int64) attribute { return e.name(attrMeters, meterName(n)) }
