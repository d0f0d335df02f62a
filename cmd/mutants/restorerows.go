package main

// restoreMutants are about a table that was restored from a backup.
func restoreMutants() []mutant {
	row := func(breaks, file, old, broken, test string) mutant {
		return mutant{breaks, file, old, broken, "./shared/dynamo", test}
	}
	rule := func(breaks, file, old, broken, test string) mutant {
		return mutant{breaks, file, old, broken, "./shared/narrow", test}
	}
	const (
		kinds = "TestRestoreNarrows/"
		toks  = "shared/narrow/token.go"
		met   = "shared/narrow/meters.go"
		user  = "shared/narrow/user.go"
		store = "shared/dynamo/restoretoken.go"
	)
	return []mutant{
		rule("a restore that keeps the limits gives units back that were used without any", met, "live.Balance.Unlimited || restored.Balance.Unlimited", "restored.Balance.Unlimited", "TestWithLimitsCountsUse"),
		rule("a restore that keeps the budget gives used units back", user, "	next := live.SetBudget(&restored.Budget)\n", "	next := restored\n", "TestWithBudgetCountsUse"),
		{"the log does not say which token a request that failed may have changed", "shared/api/response.go", "tokenID: o.tokenID, tokenIDs: o.tokenIDs}", "}", "./shared/api", "TestFailedChangeIsLogged"},
		row("a restore leaves a deleted token's key", store, "		return r.kill(ctx, was)\n", "		return nil\n", kinds+"deleted"),
		rule("a restore leaves the key from before a rotation", toks, "	next := live\n	next.Name", "	next := live\n	next.KeyHash = restored.KeyHash\n	next.Name", "TestToken/^key"),
		row("a restore leaves the end of a grace period", store, "	set(item{attrStopOrder: optionalNumber(order)})\n", "	set(item{attrStopOrder: optionalNumber(order), attrPreviousUntil: restored[attrPreviousUntil], attrPrevious: restored[attrPrevious]})\n", kinds+"grace_ended"),
		rule("a restore leaves a token enabled", toks, "live.Disabled || restored.Disabled", "restored.Disabled", "TestToken/disabled"),
		rule("a restore leaves the keys of a stopped user working", user, "live.KeysStopped() || restored.KeysStopped()", "restored.KeysStopped()", "TestUser"),
		rule("a restore leaves a later expiry", toks, "	return min(a, b)\n", "	return max(a, b)\n", "TestToken/expires_before"),
		rule("a restore drops the restriction to models", toks, "live.ModelLimitsEnabled || restored.ModelLimitsEnabled", "restored.ModelLimitsEnabled", "TestToken/models"),
		rule("a restore takes the wider of two patterns", "shared/narrow/narrow.go", "				both = append(both, x)\n", "				both = append(both, y)\n", "TestToken/pattern"),
		rule("a restore takes the wider of two networks", "shared/narrow/addresses.go", "				both = append(both, x)\n", "				both = append(both, y)\n", "TestToken/network"),
		rule("a restore drops the addresses", "shared/narrow/addresses.go", "slices.Equal(a, b), len(b) == 0:\n		return a, true", "slices.Equal(a, b), len(b) == 0:\n		return b, true", "TestToken/addresses"),
		rule("a restore gives spent units back", toks, "		has = min(has, owned(restored))\n", "		has = owned(restored)\n", "TestToken/units"),
		rule("a restore forgets that a token was limited", toks, "live.Balance.Unlimited && restored.Balance.Unlimited", "restored.Balance.Unlimited", "TestToken/unlimited"),
		rule("a restore leaves a raise that was ended", toks, "	if a.Units == 0 || b.Units == 0 {\n		return token.Raise{}", "	if a.Units == 0 {\n		return b", "TestToken/raise"),
		rule("a restore drops a new window", met, "	next.Windows = slices.Clone(live.Windows)\n", "	next.Windows = nil\n", "TestToken/window"),
		rule("a restore leaves the larger window", met, "min(l.Quota, r.Quota), smallerRaise", "max(l.Quota, r.Quota), smallerRaise", "TestToken/windows"),
		rule("a restore forgets what was used of a meter", met, "	owned := min(live.Left+held, ", "	owned := max(live.Left+held, ", "TestToken/used_window"),
		rule("a restore drops a new quota of a model", met, "	next.ModelQuotas = slices.Clone(live.ModelQuotas)\n", "	next.ModelQuotas = nil\n", "TestToken/quota"),
		rule("a restore leaves the higher limit", "shared/narrow/narrow.go", "	return min(a, b)\n", "	return max(a, b)\n", "TestToken/rates"),
		rule("a restore takes no limit for the lower one", "shared/narrow/narrow.go", "		return max(a, b)\n", "		return 0\n", "TestToken/rate"),
		rule("a restore forgets what was used of a rate", toks, "max(live.UnitTAT, restored.UnitTAT)", "restored.UnitTAT", "TestToken/used_rate"),
		rule("a restore leaves a revoked access token", user, "slots(live.Slots, restored.Slots)", "restored.Slots", "TestUser"),
		rule("a restore leaves a user enabled", user, "live.Disabled || restored.Disabled", "restored.Disabled", "TestUser"),
		row("a restore leaves a deleted user", "shared/dynamo/restoreuser.go", "		return r.removeUser(ctx, u)\n", "		return nil\n", kinds+"user_deleted"),
		rule("a restore leaves the policy", user, "	next := live\n	next.RequireLimit", "	next := restored\n	next.RequireLimit", "TestPolicy"),
		rule("a restore leaves the budget as it was", user, "		next.Left -= live.Units - next.Units\n", "		next.Left = restored.Left\n", "TestWallet"),
		rule("a restore gives ids again", user, "max(live.LastTokenID, restored.LastTokenID)", "restored.LastTokenID", "TestUser"),
		row("a restore returns the block of a deleted token twice", store, "	e.set(attrWallet, nil)\n", "", "TestRestoredBlockIsReturnedOnce"),
		row("reconcile leaves the foreign key of a token whose deletion it completes", "shared/dynamo/reconcile.go", "found.revoked[id] = it //", "found.revoked[id] = nil //", "TestRestoreRemovesForeignKey"),
		row("a restore overwrites what a request has changed in the restored table", store, "	requireSame(e, attrRevision, restored[attrRevision])\n	it", "	it", "TestRestoreSeesTraffic"),
		row("a restore takes the live table for the backup", "shared/dynamo/restore.go", "u.restored.LastTokenID > u.live.LastTokenID", "false", "TestRestoreRefuses$"),
		row("a restore takes an older table for the backup", "shared/dynamo/restore.go", "restored.Before(live)", "live.Before(live) && restored.Before(live)", "TestRestoreRefusesAnOlderTable"),
		row("the audit trail does not say that a restore changed a webhook", "shared/dynamo/restorewebhooks.go", "want[attrNote] = operatorOf(ctx).note(history.WebhookRestored)", "want[attrNote] = operatorOf(ctx).note(history.WebhookUpdated)", "TestRestoredWebhooksAreAudited"),
		row("a repeated restore changes webhooks again", "shared/dynamo/restorewebhooks.go", "reflect.DeepEqual(withoutNote(want), withoutNote(it))", "reflect.DeepEqual(want, it)", "TestRestoredWebhooksAreAudited"),
	}
}
