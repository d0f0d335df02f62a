package period_test

import (
	"fmt"
	"time"

	"github.com/latchkey-api/latchkey/shared/period"
)

func ExamplePeriod_Bounds() {
	p, err := period.Period{Length: period.Month, Timezone: "Europe/Berlin", Anchor: period.Anchor{Day: 31, Hour: 6}}.Normalize()
	if err != nil {
		fmt.Println(err)
		return
	}
	berlin := time.FixedZone("CET", 3600)
	start, end := p.Bounds(time.Date(2027, time.February, 3, 12, 0, 0, 0, berlin).Unix())
	fmt.Println(time.Unix(start, 0).In(berlin).Format(time.DateTime))
	fmt.Println(time.Unix(end, 0).In(berlin).Format(time.DateTime))
	// Output:
	// 2027-01-31 06:00:00
	// 2027-02-28 06:00:00
}

func ExamplePeriod_Normalize() {
	p, err := period.Period{Length: "120m"}.Normalize()
	fmt.Println(p.Length, err)
	_, err = period.Period{Length: "day", Timezone: "Berlin"}.Normalize()
	fmt.Println(err)
	// Output:
	// 2h <nil>
	// timezone must be a name of the IANA time zone database, spelled exactly, such as "Europe/Berlin" or "UTC"
}
