package transfer

// Giftless is the proposal's origin: the same actions under the name that
// giftless's client offers and wants to see in the answer.
type Giftless struct{ Proposal }

var _ Dialect = Giftless{}

// Name implements Dialect.
func (Giftless) Name() string { return NameGiftless }

// Label implements Dialect.
func (Giftless) Label() string { return "giftless" }
