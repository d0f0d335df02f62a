package main

// tokenMutants returns the mutants of tokens' settings.
func tokenMutants() []mutant {
	return []mutant{
		{
			"a key is shown after its ten minutes",
			"shared/token/sealedkey.go", "t.SealedKey.Until <= now", "t.SealedKey.Until <= now-1",
			"./shared/dynamo", "TestKeyIsShown",
		},
		{
			"a rewrite keeps the sealed key for ever",
			"shared/quota/ledger.go", "if l.SealedKey.Until <= now {", "if false {",
			"./shared/dynamo", "TestKeyIsShown",
		},
		{
			"a rewrite drops a sealed key that is still shown",
			"shared/quota/ledger.go", "if l.SealedKey.Until <= now {", "if l.SealedKey.Until <= now+1 {",
			"./shared/dynamo", "TestRewriteKeepsShownKey",
		},
		{
			"any access token of the user opens a sealed key",
			"shared/token/sealedkey.go", "[]byte(at.Reveal()), []byte(salt)", "[]byte(\"at\"), []byte(salt)",
			"./shared/dynamo", "TestKeyIsSealedForItsAccessToken",
		},
		{
			"a sealed key opens for any token",
			"shared/token/sealedkey.go", "return newCipher(at, string(hash[:]),", "return newCipher(at, string(hash[:0]),",
			"./shared/dynamo", "TestSealedKeyBelongsToItsToken",
		},
		{
			"a rotation that rewrites the item changes the sealed key twice, and fails",
			"shared/dynamo/rotate.go", "		next.SealedKey = l.SealedKey ", "		//",
			"./shared/dynamo", "TestRotationRewritesSealedKey",
		},
		{
			"a rotation leaves the sealed key of before",
			"shared/dynamo/rotate.go", "	e.set(attrSealed, optionalBinary(rotation.SealedKey.Content))\n", "",
			"./shared/dynamo", "TestKeyIsShown",
		},
		{
			"retention counts from an expiry in the past: the token and its open holds are removed at once",
			"shared/dynamo/tokenitem.go", "number(max(expires, now) + retentionSeconds)", "number(expires + retentionSeconds)",
			"./shared/dynamo", "TestTTLIsNeverTooEarly",
		},
		{
			"an update counts retention from the second before it",
			"shared/dynamo/update.go", "removableFrom(*c.ExpiredTime, c.Now, s.retentionSeconds)", "removableFrom(*c.ExpiredTime, c.Now-1, s.retentionSeconds)",
			"./shared/dynamo", "TestTTLOfChangedExpiry",
		},
		{
			"a short retention ends before the token's holds do: an open hold is removed without a charge",
			"shared/dynamo/store.go", "max(d, MinRetention)", "max(d, 0)",
			"./shared/dynamo", "TestTTLIsNeverTooEarly",
		},
		{
			"a pattern of models is compared as a name: it allows no model",
			"shared/token/models.go", "return strings.HasPrefix(name, prefix)", "return name == prefix+\"*\"",
			"./shared/token", "TestAllowsModel",
		},
		{
			"the pattern * allows no model but one that is called *",
			"shared/token/models.go", "isPattern := strings.CutSuffix(entry, \"*\"); isPattern {", "isPattern := strings.CutSuffix(entry, \"*\"); isPattern && prefix != \"\" {",
			"./shared/token", "TestAllowsModel",
		},
		{
			"a pattern of models leaves out its last character: gpt-5* allows gpt-4",
			"shared/token/models.go", "return strings.HasPrefix(name, prefix)", "return strings.HasPrefix(name, prefix[:max(0, len(prefix)-1)])",
			"./shared/token", "TestAllowsModel",
		},
		{
			"a pattern of models does not allow the name before its star",
			"shared/token/models.go", "return strings.HasPrefix(name, prefix)", "return strings.HasPrefix(name, prefix) && (prefix == \"\" || len(name) > len(prefix))",
			"./shared/token", "TestAllowsModel",
		},
		{
			"a direct write compares the beginnings of a model as names: m1 allows m1-large",
			"shared/dynamo/modelentries.go", "string(letters[:i])+anyRest", "string(letters[:i])",
			"./shared/dynamo", "TestOperationsMatchApply",
		},
		{
			"a direct write does not test *: such a token pays two writes for each request",
			"shared/dynamo/modelentries.go", "{model, model + anyRest, anyRest}", "{model, model + anyRest}",
			"./shared/dynamo", "TestModelPatternCosts",
		},
		{
			"the models of a token may be so large that each request costs 65 write units",
			"shared/token/models.go", "if size > MaxModelsBytes {", "if size > 100*MaxModelsBytes {",
			"./shared/token", "TestNormalizeModels",
		},
		{
			"of two lists under two names, the one that is stored already counts: a client's change is lost, and nothing says so",
			"shared/token/twonames.go", "\t\t\tchosen = other\n", "",
			"./shared/token", "TestListsUnderTwoNames",
		},
		{
			"of two new lists under two names one is written, although nobody knows which is meant",
			"shared/token/twonames.go", "case sameEntries(chosen.Entries, stored):", "case true:",
			"./shared/token", "TestListsUnderTwoNames",
		},
		{
			"an update chooses between two lists by what the token had before another change",
			"shared/dynamo/update.go", "if needsStored(c) && !c.ChangesLimits() {", "if c.Policy != nil && !c.ChangesLimits() {",
			"./shared/dynamo", "TestListUnderTwoNamesDuringChange",
		},
		{
			"an update with two lists removes all models of a token that is limited to some: it may use every model",
			"shared/token/twonames.go", "return c.requireModels(), nil", "return c, nil",
			"./shared/token", "TestListUnderTwoNamesAndItsSwitch",
		},
		{
			"a limit of another system is ignored: its client believes that the token has it",
			"shared/api/family.go", "f.instead != \"\" && !isOff(raw)", "f.instead == \"\" && !isOff(raw)",
			"./shared/api", "TestContract",
		},
		{
			"limits of One Hub that are off open a token that is limited",
			"shared/api/family.go", "models != nil && valueOf(models.Enabled)", "models != nil",
			"./shared/api", "TestContract",
		},
		{
			"One Hub's limit of addresses without addresses gives a key that may be used from anywhere",
			"shared/api/family.go", "if len(limits.IPs.Whitelist) == 0 {", "if limits.IPs.Whitelist == nil {",
			"./shared/api", "TestContract",
		},
		{
			"a rotation looks for its token among those of the first user", "shared/dynamo/rotate.go",
			"s.update(ctx, tokenKey(userID, id), e, policy)", "s.update(ctx, tokenKey(1, id), e, policy)",
			"./internal/attacktest", "TestBrokenObjectLevelAuthorization",
		},
		{
			"a guest may manage tokens", "shared/token/caller.go",
			"		case u.Role != RoleUser:\n", "		case u.Role == \"\":\n",
			"./internal/attacktest", "TestBrokenFunctionLevelAuthorization",
		},
		{
			"an access token of no user is answered otherwise than a wrong one", "shared/token/caller.go",
			"			slot = u.Slots[at.Slot]\n", "			if slot = u.Slots[at.Slot]; u.Name == \"\" {\n				return ErrForbidden\n			}\n",
			"./internal/attacktest", "TestTimingOfAccessTokens",
		},
	}
}
