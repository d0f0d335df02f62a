package main

// policyMutants returns the mutants of what the operator requires of tokens.
func policyMutants() []mutant {
	const (
		rules  = "shared/token/policy.go"
		errors = "shared/token/policyerror.go"
		store  = "shared/dynamo/policy.go"
	)
	return []mutant{
		{
			"two updates at the same time together break a policy that allows each",
			"shared/dynamo/update.go", "if needsStored(c) && !c.ChangesLimits() {", "if c.HasTwoLists() && !c.ChangesLimits() {",
			"./shared/dynamo", "TestConcurrentChangesUnderPolicy",
		},
		{
			"a create does not follow the policy",
			"shared/token/service.go", "or(u.Policy, Policy{}).newToken", "Policy{}.newToken",
			"./shared/dynamo", "TestPolicyAppliesAtOnce",
		},
		{
			"a create that began before the policy was set ends after it",
			"shared/dynamo/create.go", "	e.require(e.name(attrVersion).equals(user.Version))\n", "",
			"./shared/dynamo", "TestPolicySetDuringCreate",
		},
		{
			"a process goes on with the policy that it read first",
			store, "known.version == u.PolicyVersion {", "known.version != 0 {",
			"./shared/dynamo", "TestPolicyAppliesAtOnce",
		},
		{
			"a policy whose item is missing allows everything",
			store, "	case version < u.PolicyVersion:", "	case version < u.PolicyVersion && it != nil:",
			"./shared/dynamo", "TestMissingPolicy",
		},
		{
			"an operator's policy overwrites one that was set meanwhile",
			store, "	meta.require(meta.name(attrVersion).equals(u.Version))\n", "",
			"./shared/dynamo", "TestConcurrentPolicies",
		},
		{
			"a window may be raised above the policy",
			rules, "w.Quota+w.Raise.at(now) <= most.Quota", "w.Quota <= most.Quota",
			"./shared/token", "TestPolicyCountsRaises",
		},
		{
			"a raise is not checked against the policy",
			rules, "windows:  c.Windows != nil || raises,", "windows:  c.Windows != nil && !raises,",
			"./shared/token", "TestPolicyOnUpdate",
		},
		{
			"a wider pattern of models than the policy allows",
			rules, "return MatchesModel(allowed, entry)", "return MatchesModel(allowed, entry) || MatchesModel(entry, allowed)",
			"./shared/token", "TestAllowedPatternsAreNarrower",
		},
		{
			"a new token that only says that its models are limited does not get the allowed ones",
			rules, "or(s.ModelLimitsEnabled, true)", "s.ModelLimitsEnabled == nil",
			"./shared/token", "TestPolicyDefaults",
		},
		{
			"a token lives a second longer than the policy allows",
			errors, "t.ExpiredTime <= last {", "t.ExpiredTime <= last+1 {",
			"./shared/token", "TestPolicyOnCreate",
		},
		{
			"a token never expires although the policy has a maximum lifetime",
			errors, "t.ExpiredTime != Never && t.ExpiredTime <= last {", "t.ExpiredTime <= last {",
			"./shared/token", "TestPolicyOnUpdate",
		},
		{
			"removing the last window of an unlimited token does not touch the rule that it has a limit",
			rules, "c.UnlimitedQuota != nil || c.Windows != nil,", "c.UnlimitedQuota != nil,",
			"./shared/token", "TestPolicyOnUpdate",
		},
		{
			"turning off the limits of models is not checked",
			rules, "c.ModelLimitsEnabled != nil || c.Models != nil,", "c.Models != nil,",
			"./shared/token", "TestPolicyOnUpdate",
		},
		{
			"a token that is older than the policy can't be renamed",
			rules, "r.limit && (windows || before.UnlimitedQuota != after.UnlimitedQuota)", "true",
			"./shared/token", "TestPolicyOnUpdate",
		},
	}
}
