package controllers

import (
	"fmt"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
)

// Shares of the quota in percent from which its condition changes.
const (
	nearlyUsed = 90
	usedUp     = 99
)

// withinQuota compares the last count with the quota. The servers admit nothing
// beyond it; this is for people to see it coming.
func withinQuota(p *pass) *verdict {
	effective := p.repo.Status.Policy
	if effective == nil || effective.Quota == nil {
		return nil
	}
	quota, usage := effective.Quota.Value, p.repo.Status.Usage
	if usage == nil {
		return unknown(reasonChecking, "what the repository holds has not been counted yet")
	}
	percent := int(100 * usage.Size.AsApproximateFloat64() / quota.AsApproximateFloat64())
	// In percent: a message that changes with every push would be written as often.
	said := fmt.Sprintf("%d %% of %s are used", percent, quota.String())
	switch {
	case percent >= usedUp:
		return no(v1alpha1.ReasonQuotaUsed, said+": objects that do not fit are refused. Keep fewer versions (spec.keepVersions, spec.gc), or raise spec.quota")
	case percent >= nearlyUsed:
		return yes(v1alpha1.ReasonQuotaNearlyUsed, said+". Keep fewer versions (spec.keepVersions, spec.gc), or raise spec.quota, before pushes are refused")
	default:
		return yes(v1alpha1.ConditionWithinQuota, fmt.Sprintf("less than %d %% of %s are used", nearlyUsed, quota.String()))
	}
}
