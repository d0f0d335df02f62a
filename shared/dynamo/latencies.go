package dynamo

import (
	"math"
	"time"
)

// latencies are how long the calls of the last 50 to 60 seconds took. They are counted
// in classes: the first is up to hedgeFloor, and each other one up to
// 2^(1/classesPerDoubling) times the one before, which for the last is attemptTimeout.
type latencies struct {
	slot  int64 // the ten seconds that are counted now, from 1970 on
	slots [minuteSlots]classes
	sum   classes
	total int32
}

const (
	minSamples         = 100 // it takes to know a 99th percentile
	minuteSlots        = 6
	slotSeconds        = 60 / minuteSlots
	classesPerDoubling = 4
)

type classes [32]int32

// advance forgets what is older than a minute, and everything if the clock was set back
// by a minute.
func (l *latencies) advance(now time.Time) {
	slot := now.Unix() / slotSeconds
	if slot <= l.slot-minuteSlots || slot >= l.slot+minuteSlots {
		*l = latencies{slot: slot}
	}
	for l.slot < slot {
		l.slot++
		old := &l.slots[l.slot%minuteSlots]
		for i, n := range old {
			l.sum[i] -= n
			l.total -= n
		}
		*old = classes{}
	}
}

func (l *latencies) add(took time.Duration) {
	class := 0
	if took > hedgeFloor {
		class = int(math.Ceil(classesPerDoubling * math.Log2(float64(took)/float64(hedgeFloor))))
		class = min(class, len(l.sum)-1)
	}
	l.slots[l.slot%minuteSlots][class]++
	l.sum[class]++
	l.total++
}

// p99 returns the upper end of the class with the 99th percentile, 0 if it is not known.
func (l *latencies) p99() time.Duration {
	if l.total < minSamples {
		return 0
	}
	class := len(l.sum) - 1
	for slower := l.sum[class]; slower <= l.total/100 && class > 0; slower += l.sum[class] {
		class--
	}
	return time.Duration(float64(hedgeFloor) * math.Exp2(float64(class)/classesPerDoubling))
}
