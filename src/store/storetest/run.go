package storetest

import (
	"testing"

	"github.com/pks-community/pks-release/src/store"
)

// Opener opens a store on a new, empty database that is removed with the test.
type Opener func(t *testing.T) store.Store

// Run runs the whole suite, each case on a database of its own.
func Run(t *testing.T, open Opener) {
	t.Helper()
	cases := map[string]func(*testing.T, store.Store){
		"ClusterReadsBackWhole":                 clusterReadsBackWhole,
		"AnyTextReadsBackIntact":                anyTextReadsBackIntact,
		"UnknownClusterNotFound":                unknownClusterNotFound,
		"NameTaken":                             nameTaken,
		"HostTakenInAnySpelling":                hostTakenInAnySpelling,
		"UpdateToTakenHostRefused":              updateToTakenHostRefused,
		"ClustersListedByNameAndFiltered":       clustersListed,
		"OperationReadsBackWhole":               operationReadsBackWhole,
		"UnknownOperation":                      unknownOperation,
		"SecondOperationNamesTheFirst":          secondOperationNamesTheFirst,
		"SettledOperationIsNeverChanged":        settledOperationIsNeverChanged,
		"OperationsListed":                      operationsListed,
		"EventsNumberedPerCluster":              eventsNumbered,
		"DeletedClusterLeavesHistory":           deletedClusterLeavesHistory,
		"PruneRemovesOldHistoryAlone":           pruneRemovesOldHistoryAlone,
		"FailedChangeLeavesNothing":             failedChangeLeavesNothing,
		"CancelledRequestLeavesNothing":         cancelledRequestLeavesNothing,
		"OneOfManyCreatesOfANameWins":           oneOfManyCreatesWins,
		"OneOfManyOperationsOfAClusterWins":     oneOfManyOperationsWins,
		"NoUpdateIsLostAmongWriters":            noUpdateIsLost,
		"CancelledWritersLeaveItUsable":         cancelledWritersLeaveItUsable,
		"ReadersDoNotWaitForWriters":            readersDoNotWait,
		"UpdateOfAbsentClusterIsAnError":        updateOfAbsentCluster,
		"ReceiptIsForOneRequest":                receiptIsForOneRequest,
		"ReceiptsArePruned":                     receiptsArePruned,
		"CensusCountsClusters":                  censusCounts,
		"TookIsOfThePlanAndSucceeded":           tookIsOfThePlan,
		"PingAnswers":                           pingAnswers,
		"ClosedStoreIsUnavailable":              closedStoreIsUnavailable,
		"ProfilesReadBackWhole":                 profilesReadBackWhole,
		"ProfileNameTakenWithinItsKind":         profileNameTaken,
		"ProfileInUseNamesTheClusters":          profileInUse,
		"ProfileIsTakenUpOrDeletedNotBoth":      profileTakenUpOrDeleted,
		"QuotasReadBackWhole":                   quotasReadBackWhole,
		"OwnedClustersAreOfOneName":             ownedClusters,
		"LockedQuotaLetsOneInAtATime":           lockedQuota,
		"JobsOfDeadProcessesAreReclaimedInTime": reclaimJobs,
		"RolloutReadsBackWhole":                 rolloutReadsBackWhole,
		"ListsFollowChanges":                    listsFollowChanges,
		"UnknownRollout":                        unknownRollout,
		"RolloutsListed":                        rolloutsListed,
		"TurnsListedInOrder":                    turnsListed,
		"RolloutMarksTheClustersThatWait":       rolloutMarks,
		"LeftOutTurnsLoseTheirMark":             leftOutTurns,
		"OneOfManyRolloutsIsAddedAtATime":       oneRolloutAtATime,
		"ClustersAtOtherVersionsListed":         clustersAtOtherVersions,
		"PruneRemovesOldRolloutsAlone":          pruneRollouts,
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}
