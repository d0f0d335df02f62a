package price_test

import (
	"errors"
	"fmt"
	"log"

	"github.com/latchkey-api/latchkey/shared/price"
)

// A price file says what models cost, in dollars per million tokens. Costs are in
// units of quota.
func ExampleTable_Cost() {
	table, err := price.Parse([]byte(`{
		"units_per_dollar": 500000,
		"groups": {"vip": "0.8"},
		"models": {"gpt-4o*": {"input": "2.50", "output": "10.00", "cache_read": "1.25"}}
	}`))
	if err != nil {
		log.Print(err)
		return
	}
	usage := price.Usage{InputTokens: 200, CacheReadTokens: 800, OutputTokens: 100}
	quote, err := table.Cost("", "gpt-4o-mini", usage)
	fmt.Println(quote.Units, err)
	quote, err = table.Cost("vip", "gpt-4o-mini", usage)
	fmt.Println(quote.Units, err)
	_, err = table.Cost("", "o3", usage)
	fmt.Println(errors.Is(err, price.ErrNotPriced))
	// Output:
	// 1250 <nil>
	// 1000 <nil>
	// true
}
