package dynamo

import (
	"reflect"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/token"
)

// changeLimits changes a token's windows, model quotas, rates and raises. It
// requires them to be as in the known item. What is left changes by the
// difference of the quotas, because spends go on meanwhile.
func changeLimits(e *expression, c token.Change, known item, userID int64) error {
	before, err := readToken(known, userID)
	if err != nil {
		return err
	}
	for _, attr := range limitSettings() {
		requireSame(e, attr, known[attr])
	}
	after, err := c.Limit(before)
	if err != nil {
		return err
	}
	for attr, value := range limitItem(after) {
		switch attr {
		case attrMeters:
		case attrRequestTAT, attrUnitTAT:
			if value == nil {
				e.set(attr, nil)
			}
		default:
			e.set(attr, value)
		}
	}
	if change := after.Raise.Units - before.Raise.Units; change != 0 {
		left := e.name(attrBalance, balanceLeft)
		e.assign(left, left.placeholder+" + "+e.value(number(change)))
	}
	kept := map[int64]bool{}
	old := metersByNumber(before)
	for n, m := range metersByNumber(after) {
		kept[n] = true
		if change := m.Left - old[n].Left; change != 0 {
			left := meterOf(e, n)
			e.assign(left, left.placeholder+" + "+e.value(number(change)))
		}
	}
	for n := range old {
		if !kept[n] {
			e.remove(meterOf(e, n))
		}
	}
	return nil
}

// limitSettings are the attributes that say what a token's limits are, and
// which meters count them, and the version of all settings.
func limitSettings() []string {
	return []string{
		attrVersion, attrRaise, attrLimited, attrWindows, attrModelQuotas, attrRequestsPerMinute, attrUnitsPerMinute, attrMaxConcurrent, attrWallet, attrWalletOrder,
	}
}

// sameLimits reports whether two items of a token have the same limits and
// meters.
func sameLimits(a, b item) bool {
	for _, attr := range limitSettings() {
		if !reflect.DeepEqual(a[attr], b[attr]) {
			return false
		}
	}
	return true
}

// requireSame requires an attribute to have a value, or to be absent if that is
// nil.
func requireSame(e *expression, attr string, value types.AttributeValue) {
	if value == nil {
		e.require(e.name(attr).absent())
		return
	}
	e.require(e.name(attr).placeholder + " = " + e.value(value))
}

func metersByNumber(t token.Token) map[int64]token.Meter {
	all := map[int64]token.Meter{}
	for _, w := range t.Windows {
		all[w.Number] = w.Meter
	}
	for _, q := range t.ModelQuotas {
		all[q.Number] = q.Meter
	}
	delete(all, 0)
	return all
}
