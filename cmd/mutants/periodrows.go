package main

// periodMutants returns the mutants of the windows of quotas.
func periodMutants() []mutant {
	const (
		bounds = "shared/period/bounds.go"
		zone   = "shared/period/zone.go"
		tests  = "./shared/period"
	)
	return []mutant{
		{
			"a window that contains a shift of the clock ends an hour off",
			bounds, "start, end = c.first(anchor(i)), c.first(anchor(i+1))", "start = c.first(anchor(i))\n	end = start + anchor(i+1) - anchor(i)",
			tests, "TestNaiveCalendar/Europe/Berlin",
		},
		{
			"an anchor that the clock shows twice counts the second time",
			bounds, "if wall-offset < until {", "if after, _ := c.at(until); wall-offset < until && wall-after < until {",
			tests, "TestBounds/repeated_anchor",
		},
		{
			"an anchor that the clock skips counts before the gap",
			bounds, "		if second+offset >= wall {\n			return second", "		if second+offset >= wall {\n			return wall - offset",
			tests, "TestBounds/skipped_anchor",
		},
		{
			"a clock that was set back over an anchor is in the old window again",
			bounds, "	for end <= now {\n		i++", "	for end < 0 {\n		i++",
			tests, "TestBounds/midnight_passed_twice",
		},
		{
			"day 31 of a short month is a day of the next month",
			bounds, "min(max(p.Anchor.Day, 1), lastDay)", "min(max(p.Anchor.Day, 1), lastDay+3)",
			tests, "TestBounds/day_31",
		},
		{
			"the anchor's hour is ignored in months",
			bounds, "day, p.Anchor.Hour, 0, 0, 0, time.UTC)", "day, 0, 0, 0, 0, time.UTC)",
			tests, "TestWindowsTile",
		},
		{
			"the anchor's weekday is ignored",
			bounds, "max(p.Anchor.Weekday, 1)-thursday", "1-thursday",
			tests, "TestNaiveCalendar/UTC",
		},
		{
			"an hour window begins with the hours of UTC, not of its time zone",
			bounds, "floorMod(-(second+offset), secondsPerHour)", "floorMod(-(second+offset-offset%secondsPerHour), secondsPerHour)",
			tests, "TestNaiveCalendar/Asia/Kolkata",
		},
		{
			"the time zones of the machine win over those in the program",
			zone, "	return load()\n", "	if found, err := time.LoadLocation(name); err == nil {\n		return found\n	}\n	return load()\n",
			tests, "TestMachineZonesHaveNoEffect",
		},
		{
			"a time zone is parsed for each request",
			zone, "all[name] = sync.OnceValue(func() *time.Location {", "all[name] = (func() *time.Location {",
			tests, "TestZonesAreCached",
		},
		{
			"an anchor that does not apply to the length is accepted",
			"shared/period/period.go", "case a.Weekday != 1 && p.Length != Week:", "case a.Weekday != 1 && p.Length == Hour:",
			tests, "TestInvalidPeriods",
		},
	}
}
