package event_test

import (
	"fmt"

	"github.com/latchkey-api/latchkey/shared/event"
)

func ExampleNoticesOf() {
	const expires = 1_800_000_000
	t := event.Token{UserID: 1, TokenID: 7, Name: "ci"}
	for _, n := range event.NoticesOf(expires) {
		e, err := n.Of(t, n.At)
		if err != nil {
			panic(err)
		}
		fmt.Println(e.Timestamp.Format("2006-01-02 15:04"), e.Type, string(e.Data))
	}
	// Output:
	// 2027-01-08 08:00 token.expiring {"user_id":1,"token_id":7,"name":"ci","expired_time":1800000000,"seconds_left":604800,"days_left":7}
	// 2027-01-14 08:00 token.expiring {"user_id":1,"token_id":7,"name":"ci","expired_time":1800000000,"seconds_left":86400,"days_left":1}
	// 2027-01-15 08:00 token.expired {"user_id":1,"token_id":7,"name":"ci","expired_time":1800000000}
}
