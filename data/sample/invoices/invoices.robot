*** Settings ***
Documentation       A small robot of the kind that every accounting department has: it reads the invoices of a month,
...                 checks them, books them, and writes down what it did.
...
...                 Run it with:  python -m robot --outputdir results data/sample/invoices
...                 and look at it with:  rpa-lab import robotframework results/output.xml
...
...                 Each task below becomes one execution of a workflow, each keyword that does something itself one
...                 step. One task fails, for a business reason: the total of one invoice is wrong. That is meant.

# A library is a Python file beside this one; its methods become keywords.
Library             InvoiceLibrary.py

# Runs before the first task. It belongs to no task, and so to no execution.
Suite Setup         Read The Month


*** Variables ***
${INVOICES}         ${CURDIR}${/}invoices.csv
# ${OUTPUT_DIR} is where `robot --outputdir` says: a robot never writes beside its own code.
${BOOKINGS}         ${OUTPUT_DIR}${/}bookings.csv


*** Tasks ***
Check Completeness
    [Documentation]    Every invoice names its supplier, its date and its lines.
    [Tags]    check
    # A loop is no step of its own: its 25 turns are 25 runs of the step "Check Fields".
    FOR    ${invoice}    IN    @{MONTH}
        Check Fields    ${invoice}
    END

Book Office Supplies
    [Documentation]    Two suppliers whose invoices go straight through.
    [Tags]    booking
    Book Invoices Of    Northwind Paper
    Book Invoices Of    Birch & Sons Tools

Book Energy
    [Tags]    booking
    Book Invoices Of    Harbour Energy

Book Catering
    [Tags]    booking
    Book Invoices Of    Alpine Catering

Book Couriers
    [Documentation]    One of these invoices doesn't add up. The task fails there, as it should: somebody has to call them.
    [Tags]    booking
    Book Invoices Of    Delta Couriers

Book Foreign Invoices
    [Documentation]    The rate service is busy at first; the robot asks again until it gets an answer.
    [Tags]    booking    retry
    ${rate}    Wait Until Keyword Succeeds    5 times    100 ms    Fetch Exchange Rate    CHF
    Log    1 CHF is ${rate} EUR
    Book Invoices Of    Quarry Stone Ltd

Book Late Arrivals
    [Documentation]    Nothing came late this month: a task that finds no work says so, and is skipped.
    [Tags]    booking
    ${late}    Select Invoices    ${MONTH}    Late Arrivals Ltd
    Skip If    not $late    no invoice came late

Write Bookings
    [Documentation]    What was booked goes into a file, for the people who check it.
    [Tags]    report
    ${count}    Write Bookings    ${BOOKINGS}
    Should Be True    ${count} > 0
    Log    ${count} invoices booked, see ${BOOKINGS}


*** Keywords ***
Read The Month
    ${invoices}    Read Invoices    ${INVOICES}
    Set Suite Variable    @{MONTH}    @{invoices}

Book Invoices Of
    [Documentation]    Looks up the supplier once, then checks and books each of its invoices.
    [Arguments]    ${supplier}
    ${invoices}    Select Invoices    ${MONTH}    ${supplier}
    ${account}    Look Up Supplier    ${supplier}
    FOR    ${invoice}    IN    @{invoices}
        Check Total    ${invoice}
        Book Invoice    ${invoice}    ${account}
    END
