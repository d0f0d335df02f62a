package main

// shadowMutants returns the mutants of the rules that shadow reports each difference
// between the answers of two systems, and that an export grants no more than
// Latchkey does.
func shadowMutants() []mutant {
	const (
		there    = "cmd/tokenctl/export/there.go"
		compares = "cmd/tokenctl/shadowcompare.go"
		lasting  = "cmd/tokenctl/shadowlasting.go"
		ranges   = "cmd/tokenctl/shadowaddresses.go"
		windows  = "cmd/tokenctl/shadowwindows.go"
		exports  = "./cmd/tokenctl/export"
		command  = "./cmd/tokenctl"
		script   = "TestScript/shadow"
		write    = "cmd/tokenctl/export/write.go"
		liteLLM  = "cmd/tokenctl/export/writelitellm.go"
		newAPI   = "cmd/tokenctl/export/writenewapi.go"
	)
	return []mutant{
		{"shadow does not see that a key is refused there and valid here", compares, "case at.There != valid && at.Here == valid:", "case at.There != valid && at.Here == valid && at.Token == 1:", command, script},
		{"shadow takes a raised quota for use", compares, "expected := max(0, there-max(0, used))", "expected := max(here, there-max(0, used))", command, script},
		{"shadow asks only about the models of the other system", compares, "	if c.here.ModelLimitsEnabled {\n", "	if false {\n", command, script},
		{"shadow does not compare what is left of a window", windows, "	case raised == there.Quota:\n", "	case raised == -1:\n", command, script},
		{"shadow takes a refusal that ends by itself for one that lasts", compares, "case at.There != valid && s.passes(here, there.Renews):", "case at.There != valid && false:", command, "TestTemporaryRefusal"},
		{"shadow takes a key whose rate is used up for one that is blocked", lasting, "t.Rates, t.UsesWallet = token.Rates{}, false", "t.UsesWallet = false", command, "TestScript/shadow-loose"},
		{"shadow takes units that open holds keep for used ones", lasting, "t.FreeAt(now)+t.HeldAt(now), token", "t.FreeAt(now), token", command, "TestTemporaryRefusal"},
		{"shadow says that a key is only used up although the other system blocks it", compares, `row.There.Refusal != "" || !c.isUsedUp() {`, `!c.isUsedUp() {`, command, "TestScript/shadow-loose"},
		{"shadow takes a spent budget that renews for a refusal that lasts", there, "t.Refusal, t.Renews = Exhausted, true", "t.Refusal, t.Renews = Exhausted, false", exports, "TestThere"},
		{"shadow does not see the raise of a window", windows, "		raised += raise.Units\n", "		_ = raise\n", command, "TestScript/shadow-loose"},
		{"shadow does not see that more is left of a smaller window", windows, "case raised < there.Quota && left > leftThere:", "case raised < there.Quota && left > there.Quota:", command, "TestScript/shadow-loose"},
		{"shadow asks only about the ends of networks", ranges, "if after := lastOf(n).Next(); after.IsValid() {", "if after := lastOf(n); after.IsValid() {", command, "TestAddressesExactly"},
		{"shadow does not compare the addresses after the IPv4-mapped ones", ranges, `netip.MustParseAddr("::ffff:0:0"), netip.MustParseAddr("::1:0:0:0"),`, `netip.MustParseAddr("::ffff:0:0"),`, command, "TestAddressRanges"},
		{"shadow asks about models that a list can name", compares, "for strings.ContainsRune(all, letter) ||", "for len(all) < 0 ||", command, "TestModels"},
		{"shadow exits with 0 although answers are looser here", "cmd/tokenctl/shadowreport.go", "differ := s.Looser + s.Stricter", "differ := 0*s.Looser + s.Stricter", command, script},
		{"shadow takes a key with an unknown status for valid", there, "t.refuse(Blocked, status != int64(token.Enabled))", "t.refuse(Blocked, status == int64(token.Disabled))", exports, "TestThere"},
		{"shadow takes a spent budget for one that renewed", there, "reset != nil && *reset <= f.options.Now)", "reset != nil)", exports, "TestThere"},
		{"shadow takes an API without foreign keys for one that has the key", "cmd/tokenctl/shadowask.go", "	case v.Code == wire.RefusedUnknown:", "	case v.Code == \"\" && !v.Valid:", command, "TestScript/shadow-off"},
		{"shadow does not see that another user has a key", compares, `row.User != "" && name != row.User {`, `row.User != "" && name == "" {`, command, "TestScript/import-users"},
		{"shadow asks the API only if no key differs", "cmd/tokenctl/shadow.go", "	if c.URL == \"\" {\n		return differ", "	if c.URL == \"\" || differ != nil {\n		return differ", command, script},
		{"shadow does not look for keys that the file does not have", "cmd/tokenctl/shadow.go", "s.file.Issued(t.ImportedFrom) && !listed[t.ForeignHash]", "s.file.Issued(t.ImportedFrom) && listed[t.ForeignHash]", command, script},
		{"shadow takes the deleted keys of One API for those of another system", "cmd/tokenctl/export/key.go", `{"new-api", "one-api"}`, `{"new-api"}`, exports, "TestIssued"},
		{"shadow does not see that a window renews at other times", windows, "if begins != c.here.Windows[i].Period {", "if begins.Length != c.here.Windows[i].Length {", command, "TestWindows"},
		{"an import allows addresses that New API reads as none", "cmd/tokenctl/export/aswritten.go", `strings.Trim(line, ", \t\r"), ",") {`, `strings.Trim(line, ", \t\r"), ",,") {`, exports, "FuzzWithinThere"},
		{"an import allows an address that One API does not take for a network", "cmd/tokenctl/export/aswritten.go", "strings.TrimSpace(entry)); err != nil {", "strings.TrimSpace(entry)); err != nil && entry == \"\" {", exports, "FuzzWithinThere"},
		{"an import allows a model that New API compares with a space", "cmd/tokenctl/export/aswritten.go", "if m != strings.TrimSpace(m) {", "if m == \"\" {", exports, "FuzzWithinThere"},
		{"an import keeps the hash of a key of Latchkey", "cmd/tokenctl/export/key.go", "	if f.present[oursInLiteLLM] {\n", "	if f.values[oursInLiteLLM] != nil {\n", exports, "TestOwnKeys"},
		{"an export does not say that a rotated token has a key of Latchkey", liteLLM, "row.Metadata.IsOurs = t.KeyHash != t.ForeignHash", "row.Metadata.IsOurs = t.ForeignHash == [32]byte{}", exports, "TestOwnKeys"},
		{"an export drops a setting that the other system can't enforce", write, "if is && !slices.Contains(w.o.Ignore, setting) {", "if is && setting != \"windows\" && !slices.Contains(w.o.Ignore, setting) {", exports, "TestWriteProblems"},
		{"an export keeps a raise for ever", write, "w.t.RemainAt(w.o.Now)-w.raise(w.t.Raise))", "w.t.RemainAt(w.o.Now))", exports, "TestWriteLiteLLM"},
		{"an export rounds what was spent down", write, "if up && rest.Sign() > 0 {", "if up && rest.Sign() > 9 {", exports, "TestWriteLiteLLM"},
		{"an export lets LiteLLM make more models of a pattern", liteLLM, "return special.MatchString(entry) || isPattern && ", "return special.MatchString(entry) || isPattern && len(entry) > 99 && ", exports, "TestWriteLiteLLM"},
		{"a stopped token works in LiteLLM", liteLLM, "t.Disabled || t.Stopped ||", "t.Disabled ||", exports, "TestWriteNeverMore"},
		{"an export makes a dollar more than a dollar of New API", newAPI, "	if w.o.UnitsPerDollar == 0 {\n", "	if w.o.UnitsPerDollar != 1 {\n", exports, "TestWriteNewAPI"},
		{"an export runs a tenant's formula in the operator's spreadsheet", newAPI, "if IsFormula(cell[1]) && !slices", "if IsFormula(cell[1]) && cell[0] == \"\" && !slices", exports, "TestWriteFormulas"},
		{"an export writes a quota that New API can't store", newAPI, "if !n.IsInt64() {", "if n.Sign() < 0 {", exports, "TestWriteTooMuch"},
		{"a group that was never granted changes prices in New API", newAPI, "group := t.PriceGroup()", "group := t.Group", exports, "TestWriteGroup"},
		{"a hash is known after the grace period of its key", "shared/gate/known.go", "l.ID != 0 && l.AcceptsKey(hashes[i], now.Unix())", "l.ID != 0", "./shared/dynamo", "TestKnownHashes"},
	}
}
