package dynamo

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/token"
)

// The attributes of a POLICY item, beside attrVersion and those that a token has
// for its rates. A user that never had a policy has no such item.
const (
	policyRequireLimit   = "limit"
	policyMaxLifetime    = "life"
	policyDefaultWindows = "windows"
	policyMaxWindows     = "maxwin"
	policyModels         = "models"
)

// policyItem returns the item of a policy that a version of the user has.
func policyItem(userID, version int64, p token.Policy) item {
	it := policyKey(userID)
	it[attrVersion] = number(version)
	setPresent(it, item{
		policyRequireLimit: optionalFlag(p.RequireLimit), policyMaxLifetime: optionalNumber(p.MaxLifetimeSeconds),
		policyDefaultWindows: policyWindows(p.DefaultWindows), policyMaxWindows: policyWindows(p.MaxWindows),
		policyModels:          optionalList(p.AllowedModels),
		attrRequestsPerMinute: optionalNumber(p.DefaultRates.RequestsPerMinute), attrUnitsPerMinute: optionalNumber(p.DefaultRates.UnitsPerMinute),
		attrMaxConcurrent: optionalNumber(p.DefaultRates.MaxConcurrent),
	})
	return it
}

// policyWindows is the list of a policy's windows, without meters.
func policyWindows(windows []token.Window) types.AttributeValue {
	var all []types.AttributeValue
	for _, w := range windows {
		it := item{limitQuota: number(w.Quota)}
		setPresent(it, periodItem(w.Period))
		all = append(all, mapOf(it))
	}
	return optionalValues(all)
}

// readPolicy returns a policy and the version of the user that has it, which is 0
// if there is no item.
func readPolicy(it item) (p token.Policy, version int64, err error) {
	r := reader{item: it}
	windows := func(name string) (all []token.Window) {
		for _, m := range r.maps(name) {
			all = append(all, token.Window{Period: readPeriod(m), Quota: m.number(limitQuota)})
			r.merge(m)
		}
		return all
	}
	p = token.Policy{
		RequireLimit: r.flag(policyRequireLimit), MaxLifetimeSeconds: r.number(policyMaxLifetime),
		DefaultWindows: windows(policyDefaultWindows), MaxWindows: windows(policyMaxWindows), AllowedModels: r.list(policyModels),
		DefaultRates: token.Rates{
			RequestsPerMinute: r.number(attrRequestsPerMinute), UnitsPerMinute: r.number(attrUnitsPerMinute), MaxConcurrent: r.number(attrMaxConcurrent),
		},
	}
	return p, r.number(attrVersion), r.err
}
