package main

// leakMutants are about keys that are revoked because they have leaked.
func leakMutants() []mutant {
	const leaked, rotate, gateTests = "shared/dynamo/leaked.go", "shared/dynamo/rotate.go", "./shared/gate"
	return []mutant{
		{
			"a spend accepts a leaked key",
			rotate, "		isCurrent += \" AND \" + e.name(attrLeaked).absent()\n", "",
			gateTests, "TestRevokedByPossession",
		},
		{
			"a check accepts a leaked key",
			"shared/token/keyrotation.go", "current && t.LeakedTime == 0 ||", "current ||",
			gateTests, "TestRevokedByPossession",
		},
		{
			"the holds of a leaked key can't be settled",
			"shared/token/keyrotation.go", "	return current || previous\n}", "	return current && t.LeakedTime == 0 || previous\n}",
			gateTests, "TestRevokedByPossession",
		},
		{
			"the owner of a leaked key enables it",
			"shared/dynamo/update.go", "		e.require(e.name(attrLeaked).absent())\n", "",
			gateTests, "TestRevokedByPossession",
		},
		{
			"a rotation gives a leaked key a grace period",
			rotate, "	if rotation.PreviousUntil != 0 {\n", "	if false {\n",
			gateTests, "TestRevokedByPossession",
		},
		{
			"a rotation with a grace period charges all holds of a leaked key that expire",
			rotate, "			e = directRotation(rotation, now)\n			continue\n", "",
			gateTests, "TestRevokedByPossession",
		},
		{
			"a rotation leaves the new key refused as leaked",
			rotate, "	e.set(attrLeaked, nil)\n", "",
			gateTests, "TestRevokedByPossession",
		},
		{
			"whoever shows the previous key ends the present one",
			leaked, "	case t.KeyHash == hash && t.LeakedTime == 0:\n", "	case t.LeakedTime == 0:\n",
			gateTests, "TestRevokePreviousKey",
		},
		{
			"a revocation that a rotation overtakes ends the new key",
			leaked, "		e.require(e.name(attrHash).placeholder + \" = \" + asked)\n", "		_ = asked\n",
			gateTests, "TestRevokeBesideRotation",
		},
		{
			"a clock that is behind accepts a previous key that was revoked",
			leaked, "t.PreviousHash == hash && t.PreviousUntil != 0:", "t.PreviousHash == hash && now < t.PreviousUntil:",
			gateTests, "TestRevokePreviousKeyAfterGrace",
		},
		{
			"an operation that has read a token writes it after its key was revoked",
			leaked, "	e.add(attrVersion, 1)\n	e.add(attrRevision, 1)\n", "",
			gateTests, "TestRevokeBetweenReadAndWrite",
		},
		{
			"a leaked key is shown again",
			leaked, "		e.set(attrSealed, nil)\n		e.set(attrSealedUntil, nil)\n", "",
			"./shared/api", "TestContract/Revoke/owner",
		},
		{
			"the answer tells whether a key exists",
			"shared/api/revoke.go", "okResponse(nil).forKey(revoked), err", "okResponse(revoked.ID != 0).forKey(revoked), err",
			"./shared/api", "TestContract/Revoke/answer",
		},
		{
			"a restore that keeps the keys of the backup revives a leaked one",
			"shared/narrow/token.go", "		leaked = max(leaked, live.LeakedTime)\n", "		leaked = max(leaked, 0)\n",
			"./shared/dynamo", "TestRestoreSkips/leaked",
		},
	}
}
