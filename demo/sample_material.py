"""What the sample history is made of: kinds of request, wordings, words."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Task:
    """A kind of request.

    Args:
        weight: How often it is asked, relative to the others.
        templates: Its wordings; {slots} are filled from WORDS and NUMBERS.
        tokens: Median length of the answer, before words and numbers count.
        spread: Standard deviation of the logarithm of one answer's length.
        per_number: Tokens that each unit of a number in the prompt adds.
        styled: True if a wish for a shorter or longer answer may follow.
    """

    weight: float
    templates: tuple[str, ...]
    tokens: float
    spread: float
    per_number: float = 0.0
    styled: bool = False


TASKS = (
    Task(
        8,
        (
            "What is the capital of {country}?",
            "Which {things} is the {superlative} in {country}?",
            "Who invented the {invention}?",
            "In which year was the {invention} first sold in {country}?",
            "How many people in {country} speak {language}?",
            "What does the word '{adjective}' mean?",
            "Is {food} a good source of {nutrient}?",
            "Convert {count} {units}.",
            "What is {count} times {items}?",
        ),
        tokens=16,
        spread=0.5,
    ),
    Task(
        9,
        (
            "Classify the sentiment of this review as positive, negative or neutral: '{review}'",
            "Is the following sentence about {field} or about {field}? '{sentence}'",
            "Answer with one word: is the tone of '{review}' friendly or unfriendly?",
            "Label the emotion in this message: '{sentence}'",
            "Does this sentence contain a grammar mistake? Answer yes or no. '{sentence}'",
        ),
        tokens=4,
        spread=0.6,
    ),
    Task(
        8,
        (
            "Translate into {language}: '{sentence}'",
            "How do I say '{sentence}' in {language}?",
            "Rewrite this sentence in a {adjective} tone: '{sentence}'",
            "Correct the spelling and grammar: '{sentence}'",
            "Turn this into a question: '{sentence}'",
        ),
        tokens=24,
        spread=0.38,
    ),
    Task(
        12,
        (
            "List {items} {ideas} for {audience}.",
            "Give me {items} {ideas} about {topic}",
            "Name {items} reasons why {topic} matters to {audience}.",
            "Write {items} bullet points on {topic} for a {profession}.",
            "I need {items} names for a {business} in {country}.",
            "Suggest {items} ways to improve {skill}.",
        ),
        tokens=20,
        spread=0.39,
        per_number=17,
    ),
    Task(
        7,
        (
            "Summarize in {sentences} sentences what {topic} is about.",
            "Summarize the main points of {topic} for {audience} in {sentences} sentences.",
            "Describe a {adjective} {things} in {sentences} sentences.",
        ),
        tokens=8,
        spread=0.34,
        per_number=24,
    ),
    Task(
        10,
        (
            "Write an essay of {words} words about {topic}.",
            "Write a {words} word article on {topic} for {audience}",
            "Compose a {adjective} story of about {words} words set in {country}.",
            "Draft a speech about {topic} for a {profession}, roughly {words} words long.",
            "In {words} words, compare {topic} with {topic}.",
        ),
        tokens=25,
        spread=0.36,
        per_number=1.25,
    ),
    Task(
        10,
        (
            "Write a {programming} function that {code_task}.",
            "How can I write a {programming} program which {code_task}? Please add comments.",
            "Implement a class in {programming} that {code_task} and write tests for it.",
            "My {programming} code {code_task} but it is slow. How would you speed it up?",
        ),
        tokens=240,
        spread=0.48,
        styled=True,
    ),
    Task(
        12,
        (
            "Explain {topic} to {audience}.",
            "Why is {topic} important in {field}?",
            "What is the difference between {topic} and {topic}?",
            "How does {topic} affect {field} in {country}?",
            "What should a {profession} know about {topic}?",
            "Tell me about the history of {food} in {country}.",
        ),
        tokens=190,
        spread=0.48,
        styled=True,
    ),
    Task(
        7,
        (
            "How do I {activity}? Give me step by step instructions.",
            "Give me a recipe for {food} that {audience} will like, in {items} steps.",
            "Plan a trip of {items} days through {country} for {audience}.",
            "Make a training plan of {items} weeks to get better at {skill}",
        ),
        tokens=150,
        spread=0.42,
        per_number=22,
        styled=True,
    ),
    Task(
        7,
        (
            "Write an email to my {relation} in which I {mail_purpose}.",
            "Draft a {adjective} letter to a {profession}: I want to {mail_purpose}",
            "Write a job advertisement for a {profession} at a {business} in {country}.",
            "Write a product description for a {adjective} {product}.",
        ),
        tokens=130,
        spread=0.4,
        styled=True,
    ),
    Task(
        4,
        (
            "Write a haiku about a {adjective} {animal}.",
            "Write a slogan for a {business} that sells {product}s.",
            "Tell me a joke about a {profession} and a {animal}",
            "Give me a title for a story about a {animal} in {country}.",
        ),
        tokens=22,
        spread=0.42,
    ),
    Task(
        4,
        (
            "Write a poem about {topic} with {items} verses.",
            "Write a dialogue between a {profession} and a {animal} about {topic}, {items} lines.",
            "Write a song about a {adjective} {animal} with {items} verses.",
        ),
        tokens=40,
        spread=0.4,
        per_number=32,
    ),
    Task(
        5,
        (
            "I feel {emotion} because of my {relation}. What should I do?",
            "hey, my {relation} is {emotion} about {topic}, any advice?",
            "You are a {profession}. I am your {relation} and I am {emotion}. Talk to me.",
            "Should I {activity} if I am {emotion}?",
        ),
        tokens=160,
        spread=0.5,
        styled=True,
    ),
)

FOLLOW_UPS = (
    Task(3, ("Make it shorter.", "Shorter please", "Say it in one sentence."), 35, 0.4),
    Task(3, ("Translate that into {language}.", "And in {language}?"), 110, 0.4),
    Task(3, ("Give me {items} examples.", "List {items} more."), 15, 0.34, per_number=24),
    Task(3, ("Why?", "Are you sure?", "What do you mean by that?"), 90, 0.5),
    Task(3, ("Rewrite it for {audience}.", "Make it more {adjective}."), 180, 0.4),
    Task(2, ("Thanks!", "ok thank you, that helps", "Great."), 18, 0.5),
    Task(3, ("Now write {words} words about it.",), 20, 0.3, per_number=1.25),
)

STYLES = (
    ("", 0.0, 0.62),
    (" Keep it short.", -0.75, 0.1),
    (" Answer in one sentence.", -1.6, 0.06),
    (" Explain it in detail.", 0.55, 0.12),
    (" Think step by step.", 0.4, 0.06),
    (" Use a table.", 0.2, 0.04),
)
"""A wish at the end of a prompt, its shift of the log median, and how often."""

ENDS = (("", 0.88), (" Thanks!", 0.06), (" please", 0.06))
STARTS = (("", 0.86), ("Hi, ", 0.05), ("Please help me: ", 0.05), ("Question: ", 0.04))

REPLIES = (
    "Here is what I can say about it. It depends on the case, but {topic} plays a part.",
    "Of course. The short answer is that {topic} and {field} are closely linked.",
    "Sure! Think of {food}: you need the right parts, in the right order, and some time.",
    "A {profession} would begin with {topic}. The rest follows from there.",
    "There are several answers. In {country} people would say one thing, elsewhere another.",
)

WORDS: dict[str, tuple[str, ...]] = {
    name: tuple(words.split("|"))
    for name, words in {
        "activity": "learn to swim|repair a bicycle|bake bread|set up a home network|sell my car"
        "|start a vegetable garden|prepare for a job interview|clean a keyboard|adopt a dog"
        "|renew a passport|train for a marathon|save for a house|write a will|build a shelf"
        "|change a tyre|record a podcast|move to another city|back up my photos|tune a guitar"
        "|paint a wall|file a tax return|knit a scarf|brew coffee|organise a birthday party",
        "adjective": "formal|cheerful|short-tempered|elegant|mysterious|practical|gloomy|modern"
        "|rustic|playful|serious|romantic|cheap|luxurious|spicy|gentle|bold|honest|nostalgic"
        "|sarcastic|warm|minimalist|colourful|old-fashioned",
        "animal": "cat|dragon|penguin|horse|hedgehog|whale|parrot|fox|turtle|octopus|goat|owl"
        "|bear|dolphin|crow|snail|lion|rabbit",
        "audience": "a five-year-old|high school students|beginners|busy parents|retired people"
        "|software engineers|new employees|tourists|small business owners|university students"
        "|nurses|investors|teenagers|people who live alone|teachers|amateur athletes",
        "business": "bakery|bookshop|bicycle workshop|law firm|coffee bar|dental practice|gym"
        "|flower shop|software start-up|travel agency|toy shop|brewery|hair salon|farm",
        "code_task": "reverses a linked list|parses a CSV file|finds duplicates in a list"
        "|downloads a web page|sorts dates|validates email addresses|counts words in a text"
        "|computes prime numbers|merges two sorted arrays|reads a config file|draws a bar chart"
        "|schedules tasks by priority|caches results on disk|converts Roman numerals"
        "|checks if brackets are balanced|resizes images|solves a maze|talks to a REST service"
        "|implements a binary search tree|logs in a user|simulates dice|zips a folder"
        "|computes a moving average|plays tic-tac-toe|splits a bill",
        "country": "France|Japan|Brazil|Kenya|Canada|Norway|India|Mexico|Egypt|Vietnam|Italy|Chile"
        "|Morocco|Poland|Greece|Australia|Peru|Thailand|Spain|Turkey|Ghana|Iceland|Nepal|Portugal"
        "|South Korea|Finland|Argentina|Indonesia|Ireland|Tanzania",
        "emotion": "nervous|lonely|excited|angry|tired|confused|proud|jealous|worried|bored"
        "|homesick|grateful|disappointed|overwhelmed",
        "field": "medicine|economics|sports|politics|physics|education|fashion|agriculture|music"
        "|law|engineering|tourism|psychology|cooking|astronomy|logistics",
        "food": "lasagne|lentil soup|sushi|pancakes|curry|paella|apple pie|ramen|falafel|goulash"
        "|risotto|tacos|dumplings|chocolate cake|pumpkin bread|kimchi|shakshuka|cheesecake",
        "ideas": "ideas|tips|facts|questions|books|games|gift ideas|podcast topics|quotes"
        "|common mistakes|exercises|project ideas|interview questions|arguments",
        "invention": "telephone|bicycle|steam engine|microscope|printing press|zip fastener|camera"
        "|refrigerator|battery|telescope|typewriter|parachute|light bulb|dishwasher",
        "language": "French|German|Spanish|Italian|Japanese|Portuguese|Swahili|Arabic|Dutch|Korean"
        "|Polish|Hindi|Turkish|Greek|Finnish|Vietnamese",
        "mail_purpose": "ask for a day off|complain about the noise|cancel my subscription"
        "|apologise for being late|invite them to dinner|ask for a discount|resign from my job"
        "|thank them for their help|ask for feedback on my report|move our meeting"
        "|request a refund|recommend a colleague|offer to help with the move"
        "|ask about the state of my order|propose a project",
        "nutrient": "protein|iron|fibre|calcium|vitamin C|vitamin D|magnesium|potassium",
        "product": "lamp|backpack|water bottle|office chair|phone case|tent|watch|blanket|mug"
        "|pair of headphones|notebook|umbrella|desk|scooter",
        "profession": "doctor|teacher|carpenter|pilot|lawyer|gardener|journalist|nurse|chef"
        "|data analyst|plumber|librarian|architect|shop manager|biologist|translator|electrician"
        "|project manager|photographer|firefighter",
        "programming": "Python|JavaScript|Java|C++|Go|Rust|SQL|Bash|TypeScript|Kotlin",
        "relation": "boss|sister|landlord|neighbour|teacher|best friend|customer|colleague"
        "|grandmother|roommate|brother|bank",
        "skill": "public speaking|chess|drawing|time management|touch typing|negotiation|running"
        "|memory|spoken English|singing|photography|mental arithmetic|cooking|concentration",
        "superlative": "largest|oldest|most popular|smallest|most expensive|longest|highest",
        "things": "river|museum|city|mountain|university|airport|bridge|lake|castle|stadium|forest",
        "topic": "photosynthesis|inflation|machine learning|the French Revolution|climate change"
        "|remote work|black holes|vaccines|the stock market|recycling|electric cars|plate tectonics"
        "|artificial intelligence in schools|sleep|renewable energy|blockchain|jazz|impressionism"
        "|the water cycle|supply and demand|meditation|social media|cybersecurity|democracy"
        "|antibiotics|the silk road|public transport|urban gardening|quantum computing|genetics"
        "|the Roman Empire|food waste|space travel|microplastics|copyright|insurance|minimum wage"
        "|gut bacteria|earthquakes|volcanoes|compound interest|the immune system|open source"
        "|tourism|fast fashion|bees|ocean currents|coffee growing|the printing press|migration",
        "units": "miles to kilometres|pounds to kilograms|litres to gallons|inches to centimetres"
        "|ounces to grams|feet to metres|Celsius to Fahrenheit|acres to hectares",
    }.items()
}

NUMBERS = {
    "count": (2, 5, 8, 12, 17, 25, 36, 40, 64, 75, 90, 120, 250, 365, 500, 1000),
    "items": (2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20),
    "sentences": (1, 2, 3, 4, 5, 6, 8),
    "words": (30, 50, 80, 100, 150, 200, 250, 300, 400, 500, 600, 800),
}

# Sentences that stand as material in other prompts are put together from parts.
SENTENCE_PARTS = (
    "The {profession}|My {relation}|Our {animal}|A {adjective} {profession}|Their {relation}",
    " forgot the {product}| bought a {adjective} {product}| talked about {topic}| cooked {food}"
    "| wants to {activity}| never liked {food}| wrote a book about {country}| feels {emotion}",
    " yesterday.| on the way to {country}.| before the meeting.| because it was late.|."
    "| and nobody noticed.| after many years.",
)
REVIEW_PARTS = (
    "The {product} |This {adjective} {product} |The {food} at the {business} |My new {product} ",
    "broke after {count} days|is better than I hoped|was far too {adjective}|came late"
    "|made my {relation} happy|is fine for the price|was the best in {country}",
    ", I would buy it again.|, never again.|.|, but the service was {adjective}.|, I am {emotion}.",
)
